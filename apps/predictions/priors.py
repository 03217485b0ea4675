"""Which prior a prediction uses: the one asked for, or the organisation's; and the organisation's own mix of cases."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actors import Actor
from apps.audit.services import record_event
from apps.cases.selectors import count_confirmed
from apps.core.capabilities import Capability
from apps.core.problems import Denied, FieldError, InvalidInput, Unavailable
from apps.predictions.models import CaseMix, DefaultPrior
from apps.registry.running import Running, running_model
from ml.serving import InvalidInput as EngineInvalidInput
from ml.serving import Issue, Predictor, Prior

CLINIC = "clinic"
PREVALENCE = "prevalence"
LITERATURE = "literature"
MOST_LINES = 20_000
_CELLS = re.compile(r"\s*[\t;,]\s*")
_MOST_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """A prior by its name, and for the clinic's own the case mix that it was made of."""

    name: str
    case_mix: CaseMix | None = None

    def for_engine(self, predictor: Predictor) -> str | Prior:
        """What `Predictor` takes."""
        if self.case_mix is None:
            return self.name
        return _clinic_prior(predictor, self.case_mix.counts)

    def count_of(self, predictor: Predictor, disease_id: str) -> int | None:
        """Patients with a disease in the case mix, under any id that the model knows; None without a case mix."""
        if self.case_mix is None:
            return None
        number = predictor.number_of(disease_id)
        return sum(n for key, n in self.case_mix.counts.items() if predictor.numbers.get(key) == number)

    def as_json(self) -> dict[str, str | None]:
        """What a stored prediction keeps of it."""
        return {"name": self.name, "case_mix": str(self.case_mix.pk) if self.case_mix else None}


def _clinic_prior(predictor: Predictor, counts: Mapping[str, int]) -> Prior:
    """The prior of counts; diseases that this model does not know are left out, for models change and counts stay.

    Of counts of which it knows none, nothing is left but what they would be added to: the prevalence prior.
    """
    known = {disease_id: n for disease_id, n in counts.items() if disease_id in predictor.numbers}
    return predictor.clinic_prior(known) if known else predictor.prior(PREVALENCE)


def _disease_of(issue: Issue) -> str:
    """The disease id that an issue of `clinic_prior` speaks of: its field is `counts[id]`."""
    return issue.field.removeprefix("counts[").removesuffix("]")


def available_priors(*, actor: Actor) -> tuple[str, ...]:
    """Names that the actor may ask for: those of the running model, and the clinic's own when it has counts."""
    names = running_model().predictor.priors
    has_mix = CaseMix.objects.filter(organisation_id=actor.scope).exists()
    return (*names, CLINIC) if has_mix else names


def prior_choices(*, actor: Actor) -> tuple[tuple[str, ...], str]:
    """(names that a page may offer, the usual one); nothing while no model answers."""
    try:
        return available_priors(actor=actor), default_prior(actor=actor)
    except Unavailable:
        return (), ""


def usable_prior(*, actor: Actor, name: str) -> str | None:
    """`name` if it can still be asked for, else None: a list on a page may be of a prior that the model has no more."""
    return name if name in prior_choices(actor=actor)[0] else None


def current_case_mix(*, actor: Actor) -> CaseMix | None:
    """The case mix of the actor's organisation that is in use."""
    return CaseMix.objects.filter(organisation_id=actor.scope).first()


def default_prior(*, actor: Actor) -> str:
    """The prior that predictions of the actor's organisation use unless another one is asked for."""
    chosen = DefaultPrior.objects.filter(organisation_id=actor.scope).values_list("name", flat=True).first()
    return _usable_default(running_model().predictor, chosen)


def _usable_default(predictor: Predictor, chosen: str | None) -> str:
    names = predictor.priors
    if chosen in {*names, CLINIC}:
        return str(chosen)
    return PREVALENCE if PREVALENCE in names else LITERATURE


def chosen_prior(*, actor: Actor, predictor: Predictor, name: str | None) -> Choice:
    """The prior for a prediction. Raises InvalidInput for a name that there is none of."""
    if name is None:
        chosen = DefaultPrior.objects.filter(organisation_id=actor.scope).values_list("name", flat=True)
        name = _usable_default(predictor, chosen.first())
    if name != CLINIC:
        if name in predictor.priors:
            return Choice(name)
        detail = _("There is no such prior; there are: %(known)s.") % {
            "known": ", ".join((*predictor.priors, CLINIC))
        }
        raise InvalidInput([FieldError("prior", "unknown_prior", detail, name[:40])])
    mix = current_case_mix(actor=actor)
    if mix is None:
        detail = _("Your organisation has entered no case mix yet; choose another prior.")
        raise InvalidInput([FieldError("prior", "no_case_mix", detail, name)])
    return Choice(CLINIC, mix)


def stored_prior(stored: Mapping[str, str | None] | None) -> Choice:
    """The prior that a stored prediction was made with."""
    if not stored:
        return Choice(LITERATURE)
    mix = stored["case_mix"]
    return Choice(str(stored["name"]), CaseMix.objects.get(pk=UUID(mix)) if mix else None)


@transaction.atomic
def set_default_prior(*, actor: Actor, name: str) -> DefaultPrior:
    """Choose the prior of the organisation's predictions. Raises InvalidInput for a name that there is none of."""
    actor.require(Capability.PRIOR_WRITE)
    if actor.organisation_id is None:
        raise Denied("prior.default", "prior")
    chosen_prior(actor=actor, predictor=running_model().predictor, name=name)
    row = DefaultPrior.objects.create(
        organisation_id=actor.organisation_id, name=name, set_by_id=actor.account().pk
    )
    record_event(
        actor=actor, action="prior.default", object_type="prior", object_ids=[row.pk], details={"name": name}
    )
    return row


def enter_case_mix(*, actor: Actor, counts: Mapping[str, int]) -> CaseMix:
    """Say how many patients the organisation diagnosed with each disease. Raises InvalidInput, one error a disease."""
    actor.require(Capability.PRIOR_WRITE)
    _check(running_model(), counts, {disease_id: f"counts.{disease_id}" for disease_id in counts})
    return _keep(actor, counts, CaseMix.Source.ENTERED)


def enter_case_mix_text(*, actor: Actor, text: str) -> CaseMix:
    """The same from lines of `disease id, tab, count`. Raises InvalidInput, one error a line."""
    actor.require(Capability.PRIOR_WRITE)
    counts, lines = _read_lines(text)
    _check(running_model(), counts, {disease_id: f"line {line}" for disease_id, line in lines.items()})
    return _keep(actor, counts, CaseMix.Source.ENTERED)


def use_outcomes_as_case_mix(*, actor: Actor) -> tuple[CaseMix, int]:
    """Count the organisation's confirmed outcomes: (the mix, how many are of diseases that the model does not rank)."""
    actor.require(Capability.PRIOR_WRITE)
    confirmed = count_confirmed(actor=actor)
    unknown = {error.value for error in _problems(running_model(), confirmed, {})}
    counts = {disease_id: n for disease_id, n in confirmed.items() if disease_id not in unknown}
    if not counts:
        detail = _("No outcome was confirmed yet that could be counted.")
        raise InvalidInput([FieldError("counts", "no_counts", detail)])
    mix = _keep(actor, counts, CaseMix.Source.OUTCOMES)
    return mix, sum(confirmed.values()) - sum(counts.values())


@transaction.atomic
def _keep(actor: Actor, counts: Mapping[str, int], source: CaseMix.Source) -> CaseMix:
    if actor.organisation_id is None:
        raise Denied("prior.case_mix", "prior")
    mix = CaseMix.objects.create(
        organisation_id=actor.organisation_id,
        counts=dict(counts),
        source=source,
        entered_by_id=actor.account().pk,
    )
    record_event(
        actor=actor,
        action="prior.case_mix",
        object_type="prior",
        object_ids=[mix.pk],
        details={"source": source.value, "diseases": len(counts), "patients": sum(counts.values())},
    )
    return mix


def _read_lines(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """(count by disease id, line by disease id); blank lines, comments (#) and a heading are passed over."""
    counts: dict[str, int] = {}
    lines: dict[str, int] = {}
    errors: list[FieldError] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = _CELLS.split(line.strip().lstrip("\ufeff"))
        field = f"line {number}"
        if len(cells) < 2 or not cells[1].isdecimal():
            if not counts and not errors and ":" not in cells[0]:
                continue
            detail = _("A disease id, a tab and a whole number were expected, such as OMIM:154700 and 12.")
            errors.append(FieldError(field, "malformed_line", detail, line.strip()[:60]))
        elif cells[0] in counts:
            detail = _("It stands on line %(n)d already; give each disease once.") % {"n": lines[cells[0]]}
            errors.append(FieldError(field, "duplicate", detail, cells[0][:60]))
        else:
            counts[cells[0]], lines[cells[0]] = int(cells[1][:12]), number
        if number > MOST_LINES:
            detail = _("At most %(n)d lines were expected.") % {"n": MOST_LINES}
            raise InvalidInput([FieldError(field, "too_many_lines", detail)])
    if errors:
        raise InvalidInput(errors[:_MOST_PROBLEMS])
    return counts, lines


def _check(running: Running, counts: Mapping[str, int], fields: Mapping[str, str]) -> None:
    problems = list(_problems(running, counts, fields))
    if problems:
        raise InvalidInput(problems[:_MOST_PROBLEMS])


def _problems(running: Running, counts: Mapping[str, int], fields: Mapping[str, str]) -> Iterable[FieldError]:
    details = {
        "unknown_disease": _("The model ranks no disease of this id."),
        "invalid_count": _("A whole number from 0 to 10,000,000 was expected."),
        "no_counts": _("Give at least one disease with its count."),
    }
    try:
        running.predictor.clinic_prior(counts)
    except EngineInvalidInput as error:
        for issue in error.issues:
            disease_id = _disease_of(issue)
            yield FieldError(
                fields.get(disease_id, "counts"),
                issue.code,
                details.get(issue.code, issue.detail),
                disease_id,
            )
