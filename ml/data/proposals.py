"""What a source's codes may mean: terms and diseases of like names, for a person to confirm.

A code that is a label or an exact synonym, in any language that is loaded, is proposed as the same; one that is only
like such a name is proposed with a lower score. Nothing here maps anything.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ml.data.profile import subject_of
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY, Disease, Term
from ml.serving.vocabulary import HPO_ID
from ml.text.names import below

LABEL, SYNONYM, OTHER_SYNONYM = 1.0, 0.98, 0.85
# What a mapping set of another source says of the same word.
EARLIER = 0.9
# Half of the letters in threes; below that, names are alike by chance.
LEAST = 0.55
_DISEASE_ID = re.compile(r"(MONDO|OMIM|ORPHA|ICD10CM|DECIPHER):[\w.]+")
_RELATIONS = {"exact": "skos:exactMatch", "broad": "skos:broadMatch"}
_COLUMNS = (
    "subject_id", "subject_label", "predicate_id", "object_id", "object_label", "mapping_justification", "confidence",
    "comment",
)  # fmt: skip
_CURIES = {
    "HP": "http://purl.obolibrary.org/obo/HP_",
    "MONDO": "http://purl.obolibrary.org/obo/MONDO_",
    "OMIM": "https://omim.org/entry/",
    "ORPHA": "http://www.orpha.net/ORDO/Orphanet_",
    "ICD10CM": "http://purl.bioontology.org/ontology/ICD10CM/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "semapv": "https://w3id.org/semapv/vocab/",
    "sssom": "https://w3id.org/sssom/",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A code of `n` records and what it may mean: `id` "" where nothing is like it. `matched` is the name that is."""

    code: str
    n: int
    id: str = ""
    label: str = ""
    matched: str = ""
    relation: str = "exact"
    score: float = 0.0

    @property
    def is_exact(self) -> bool:
        """Whether the code is a label, an exact synonym, or an id."""
        return self.score >= SYNONYM


@dataclass(frozen=True, slots=True)
class Mapped:
    """A row of a mapping set that somebody has made; `origin` is the prefix of its codes."""

    code: str
    id: str
    label: str
    relation: str
    origin: str


class Names:
    """Names of findings, or of diseases, by what they mean."""

    def __init__(
        self, names: Iterable[tuple[str, str, float]], labels: dict[str, str], earlier: Iterable[Mapped] = ()
    ) -> None:
        """`names`: (id, name, how surely the name means the id); `earlier`: how others have mapped the like."""
        self._labels = labels
        self._earlier = {normalised(row.code): row for row in earlier}
        self._exact: dict[str, tuple[float, str, str]] = {}
        self._names: list[tuple[str, str, frozenset[str], float]] = []
        self._holding: dict[str, list[int]] = defaultdict(list)
        for identity, name, weight in names:
            key = normalised(name)
            if not key:
                continue
            if weight > self._exact.get(key, (0.0, "", ""))[0]:
                self._exact[key] = (weight, identity, name)
            parts = _parts(key)
            for part in parts:
                self._holding[part].append(len(self._names))
            self._names.append((identity, name, parts, weight))

    @classmethod
    def of_findings(
        cls,
        terms: Iterable[Term],
        translations: Iterable[tuple[str, str]] = (),
        earlier: Iterable[Mapped] = (),
    ) -> "Names":
        """HPO's labels and synonyms, and (id, label) in other languages; abnormalities alone."""
        terms = list(terms)
        usable = below(terms, PHENOTYPIC_ABNORMALITY)
        used = [term for term in terms if not term.obsolete and term.id in usable]

        def names() -> Iterator[tuple[str, str, float]]:
            for term in used:
                yield term.id, term.label, LABEL
                for synonym in term.synonyms:
                    yield term.id, synonym.text, SYNONYM if synonym.scope == "EXACT" else OTHER_SYNONYM
            known = {term.id for term in used}
            yield from ((identity, label, LABEL) for identity, label in translations if identity in known)

        return cls(names(), {term.id: term.label for term in used}, earlier)

    @classmethod
    def of_diseases(
        cls,
        diseases: Iterable[Disease],
        synonyms: Iterable[tuple[str, str]] = (),
        earlier: Iterable[Mapped] = (),
    ) -> "Names":
        """Names of diseases, and (id, other name) of them; what OMIM writes after a semicolon is a name by itself."""
        diseases = list(diseases)

        def names() -> Iterator[tuple[str, str, float]]:
            for disease in diseases:
                yield disease.id, disease.name, LABEL
                for part in disease.name.split(";")[1:]:
                    yield disease.id, part, OTHER_SYNONYM
            yield from ((identity, name, SYNONYM) for identity, name in synonyms)

        return cls(names(), {disease.id: disease.name for disease in diseases}, earlier)

    def propose(self, code: str, n: int = 1) -> Proposal:
        """The best that is like a code."""
        if HPO_ID.fullmatch(code) or _DISEASE_ID.fullmatch(code):
            return Proposal(code, n, code, self._labels.get(code, ""), code, "exact", LABEL)
        key = normalised(code)
        if key in self._exact:
            score, identity, name = self._exact[key]
            return Proposal(code, n, identity, self._labels.get(identity, ""), name, "exact", score)
        if row := self._earlier.get(key):
            label = self._labels.get(row.id) or row.label
            return Proposal(code, n, row.id, label, f"{row.code} ({row.origin})", row.relation, EARLIER)
        parts = _parts(key)
        shared: Counter[int] = Counter()
        for part in parts:
            shared.update(self._holding.get(part, ()))
        best = max(
            (
                (2 * n_shared / (len(parts) + len(self._names[at][2])) * self._names[at][3], -at)
                for at, n_shared in shared.items()
            ),
            default=(0.0, 0),
        )
        if best[0] < LEAST:
            return Proposal(code, n)
        identity, name, _parts_of_name, _weight = self._names[-best[1]]
        # a code with more words than the name says more than it: a kind of it
        is_narrower = set(normalised(name).split()) < set(key.split())
        relation = "broad" if is_narrower else "exact"
        # never as sure as a name itself
        score = round(min(best[0], 0.99) * 0.9, 3)
        return Proposal(code, n, identity, self._labels.get(identity, ""), name, relation, score)


def normalised(name: str) -> str:
    """A name without case, accents of width, punctuation: what reads alike is alike."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(re.findall(r"[^\W_]+", folded))


def _parts(key: str) -> frozenset[str]:
    """The letters in threes of each word, with its ends marked; single signs of Chinese, where there are no words."""
    found: set[str] = set()
    for word in key.split():
        if word.isascii():
            padded = f" {word} "
            found.update(padded[i : i + 3] for i in range(len(padded) - 2))
        else:
            padded = f" {word} "
            found.update(padded[i : i + 2] for i in range(len(padded) - 1))
    return frozenset(found)


def propose_all(names: Names, codes: Counter[str]) -> list[Proposal]:
    """A proposal for each code, the commonest first."""
    return [names.propose(code, n) for code, n in codes.most_common()]


def sssom(prefix: str, what: str, rows: Iterable[tuple[str, str, str, str, str, float]]) -> str:
    """A mapping set: (code, relation, id, label, comment, confidence); an empty id says that there is no term.

    `relation` is "exact", "broad", or a predicate as it is.
    """
    head = [
        f"# mapping_set_id: urn:hoofbeat:mappings:{prefix}-{what}",
        "# license: https://w3id.org/sssom/license/unspecified",
        "# curie_map:",
        *(f"#   {name}: {url}" for name, url in _CURIES.items()),
        f"#   {prefix}: urn:hoofbeat:codes:{prefix}:",
    ]
    lines = ["\t".join(_COLUMNS)]
    for code, relation, identity, label, comment, confidence in rows:
        cells = (
            subject_of(prefix, code),
            code,
            _RELATIONS.get(relation, relation) if identity else "skos:exactMatch",
            identity or "sssom:NoTermFound",
            label,
            "semapv:LexicalMatching" if comment else "semapv:ManualMappingCuration",
            f"{confidence:.2f}" if identity else "",
            comment,
        )
        lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    return "\n".join((*head, *lines)) + "\n"


def proposed_sssom(prefix: str, what: str, proposals: Iterable[Proposal]) -> str:
    """Proposals nobody has confirmed: equal names as exact matches, others as related ones, which map nothing."""
    return sssom(
        prefix,
        what,
        (
            (
                proposal.code,
                "exact" if proposal.is_exact else "skos:relatedMatch",
                proposal.id,
                proposal.label,
                _comment(proposal),
                proposal.score,
            )
            for proposal in proposals
        ),
    )


def _comment(proposal: Proposal) -> str:
    if not proposal.id:
        return "no name is like it"
    if proposal.is_exact:
        return f"proposed, to be confirmed: the same name, {proposal.matched}"
    better = _RELATIONS[proposal.relation]
    return f"proposed, maps nothing until you make it {better}: like {proposal.matched}"
