"""Which live term an id stands for."""

from collections.abc import Iterable

from ml.knowledge import Term
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY
from ml.text.names import below


def current_ids(terms: Iterable[Term]) -> tuple[dict[str, str], set[str]]:
    """Every id that stands for a live term -> that term's id, and the ids of phenotypic abnormalities."""
    terms = tuple(terms)
    live = {term.id for term in terms if not term.obsolete}
    current = {identity: identity for identity in live}
    for term in terms:
        if not term.obsolete:
            current |= {alternative: term.id for alternative in term.alt_ids if alternative not in live}
        elif term.replaced_by is not None and term.replaced_by in live:
            current.setdefault(term.id, term.replaced_by)
    return current, below([term for term in terms if not term.obsolete], PHENOTYPIC_ABNORMALITY)
