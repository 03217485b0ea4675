"""Taking cases in from other systems."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.cases.models import Case, Consent, Sex
from apps.cases.services import NewCase, create_case, enter_outcome
from apps.core.problems import FieldError, InvalidInput
from apps.knowledge.selectors import names_of, resolve_terms
from apps.predictions.services import enter_and_predict
from ml.serving.age import InvalidAge, years_of
from ml.serving.phenopacket import PacketCase


@dataclass(frozen=True, slots=True)
class ImportedCase:
    """What became of a packet; `remarks` say what was replaced or left out, one sentence each."""

    case_id: UUID
    prediction_id: UUID | None
    n_replaced: int
    n_dropped: int
    remarks: tuple[str, ...]


@transaction.atomic
def import_packet(
    *, actor: Actor, packet: PacketCase, predict: bool = False, with_outcome: bool = False
) -> ImportedCase:
    """Enter a published case under the packet's id: one transaction, one audit event.

    Consent to care and training counts as given, because the packet was published. The diagnosis is the outcome only
    `with_outcome`: else published labels would reach the next retraining without anybody having asked for it.
    Raises InvalidInput when no finding can be used, or the id is no pseudonym or is taken.
    """
    reader = _Reader()
    new = NewCase(
        pseudonym=_pseudonym(packet.id),
        sex=packet.sex or Sex.UNKNOWN.value,
        age=reader.age(packet.age),
        present=(present := reader.findings(packet.present)),
        absent=tuple(term for term in reader.findings(packet.absent) if reader.is_free(term, present)),
        consents=dict.fromkeys((Consent.Purpose.CARE, Consent.Purpose.TRAINING), True),
    )
    if not present:
        detail = _("no present finding is a current HPO phenotype")
        raise InvalidInput(
            [FieldError("phenotypicFeatures", "no_finding", "; ".join([detail, *reader.remarks]))]
        )
    prediction = enter_and_predict(actor=actor, new=new) if predict else None
    case_id = _case_id(prediction.case) if prediction else create_case(actor=actor, new=new).pk
    if with_outcome:
        _enter_diagnosis(actor, case_id, packet.diseases, reader)
    return ImportedCase(
        case_id,
        prediction.pk if prediction else None,
        reader.n_replaced,
        reader.n_dropped,
        tuple(reader.remarks),
    )


def _pseudonym(identity: str) -> str:
    longest = 80
    if not identity.strip() or len(identity) > longest or not identity.isprintable():
        detail = _("a pseudonym has 1 to %(n)d printable characters") % {"n": longest}
        raise InvalidInput([FieldError("id", "invalid_pseudonym", detail, identity[:longest])])
    return identity.strip()


def _case_id(case: Case | None) -> UUID:
    assert case is not None  # noqa: S101 - enter_and_predict has just made it
    return case.pk


def _enter_diagnosis(actor: Actor, case_id: UUID, diseases: Iterable[str], reader: "_Reader") -> None:
    known = names_of(disease_ids=list(diseases))
    diagnosis = next((disease for disease in diseases if disease in known), None)
    if diagnosis is None:
        reader.remarks.append(_("no outcome: its diagnosis is not in the knowledge"))
    else:
        enter_outcome(actor=actor, case_id=case_id, disease_id=known[diagnosis].pk)


class _Reader:
    """Takes what can be used of a packet, and remembers what could not."""

    def __init__(self) -> None:
        self.n_replaced = 0
        self.n_dropped = 0
        self.remarks: list[str] = []

    def findings(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Current ids, each once."""
        known = resolve_terms(term_ids=ids)
        found: dict[str, None] = {}
        for given in ids:
            term = known.get(given)
            if term is None:
                self._drop(_("%(id)s is no HPO phenotype and was left out") % {"id": given[:40]})
                continue
            if term.pk != given:
                self.n_replaced += 1
                self.remarks.append(
                    _("%(old)s was replaced by %(new)s (%(label)s)")
                    % {"old": given, "new": term.pk, "label": term.label}
                )
            found[term.pk] = None
        return tuple(found)

    def is_free(self, absent: str, present: Iterable[str]) -> bool:
        """Whether an absent finding is not stated as present, too."""
        if absent in present:
            self._drop(_("%(id)s is present and absent; it was taken as present") % {"id": absent})
            return False
        return True

    def age(self, age: str | None) -> str:
        """The age, or nothing when it is none."""
        longest = Case._meta.get_field("age").max_length or 0
        try:
            years = years_of(age) if age else None
        except InvalidAge as error:
            self.remarks.append(_("age left out: %(error)s") % {"error": error})
            return ""
        return "" if years is None or age is None or len(age) > longest else age

    def _drop(self, remark: str) -> None:
        self.n_dropped += 1
        self.remarks.append(remark)
