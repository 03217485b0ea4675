"""What clinicians type about a case."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.cases.models import PERSON_LENGTHS, Consent, Sex
from apps.core.forms import StyledForm
from apps.core.problems import FieldError
from apps.knowledge.selectors import labels_of, resolve_terms, search_terms
from apps.knowledge.translations import label_for_reader

MOST_FINDINGS = 500
_UNITS = {"Y": 130, "M": 130 * 12, "W": 130 * 52, "D": 130 * 366}
_ONE_UNIT = re.compile(r"P(\d{1,5})([YMWD])")
_YEARS_AND_MONTHS = re.compile(r"P(\d{1,3})Y(\d{1,2})M")


class CaseListFilter(forms.Form):
    """The filter of the case list, in the address bar. What it does not know counts as no filter."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label=_("Pseudonym, record number or diagnosis"),
        help_text=_("The first two in full; of a diagnosis, a part will do."),
    )
    sex = forms.ChoiceField(required=False, choices=[("", _("any sex")), *Sex.choices], label=_("Sex"))
    outcome = forms.ChoiceField(
        required=False,
        choices=[("", _("open and closed")), ("open", _("open")), ("closed", _("closed"))],
        label=_("State"),
    )
    sort = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("newest first")),
            ("oldest", _("oldest first")),
            ("changed", _("last changed first")),
        ],
        label=_("Order"),
    )

    def wishes(self) -> dict[str, str]:
        """The valid part of what was asked for."""
        self.is_valid()
        return {name: self.cleaned_data.get(name) or "" for name in self.fields}


class PatientForm(StyledForm):
    """Age and sex. The age is a number and a unit here, an ISO 8601 duration in the database."""

    age_number = forms.IntegerField(
        label=_("Age"),
        required=False,
        min_value=0,
        max_value=99_999,
        error_messages={"invalid": _("Type a whole number, such as 20.")},
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    age_unit = forms.ChoiceField(
        label=_("Unit of the age"),
        required=False,
        choices=[("Y", _("years")), ("M", _("months")), ("W", _("weeks")), ("D", _("days"))],
        initial="Y",
    )
    sex = forms.ChoiceField(label=_("Sex"), choices=Sex.choices, initial=Sex.UNKNOWN)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        number, unit = values.get("age_number"), values.get("age_unit") or "Y"
        if number is not None and number > _UNITS[unit]:
            self.add_error("age_number", _("An age is at most 130 years."))
        return values

    @property
    def age(self) -> str:
        """The age as an ISO 8601 duration; empty when none was typed."""
        number = self.cleaned_data["age_number"]
        return "" if number is None else f"P{number}{self.cleaned_data['age_unit'] or 'Y'}"

    @staticmethod
    def initial_of(age: str, sex: str) -> dict[str, Any]:
        """What the form shows for a stored age; one that needs several units, such as P1Y2W3D, stays empty."""
        initial: dict[str, Any] = {"sex": sex}
        if match := _ONE_UNIT.fullmatch(age):
            initial |= {"age_number": int(match[1]), "age_unit": match[2]}
        elif match := _YEARS_AND_MONTHS.fullmatch(age):
            initial |= {"age_number": int(match[1]) * 12 + int(match[2]), "age_unit": "M"}
        return initial


class LinesField(forms.CharField):
    """Several lines, which browsers end with CR LF: what nobody touched must not count as changed, or as longer."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class PersonForm(StyledForm):
    """Who the patient is; a field that is emptied forgets what stood there.

    The page keeps what it showed, so that `changes` leaves alone what a colleague changed meanwhile in another field.
    """

    name = forms.CharField(
        label=_("Name"),
        required=False,
        show_hidden_initial=True,
        max_length=PERSON_LENGTHS["name"],
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    identifier = forms.CharField(
        label=_("Medical record number"),
        required=False,
        show_hidden_initial=True,
        max_length=PERSON_LENGTHS["identifier"],
        help_text=_("By the whole of it, the case is found in the list of your cases."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    contact = LinesField(
        label=_("Contact"),
        required=False,
        show_hidden_initial=True,
        max_length=PERSON_LENGTHS["contact"],
        help_text=_("How to reach the patient: telephone, address, a relative"),
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
    )
    note = LinesField(
        label=_("Note"),
        required=False,
        show_hidden_initial=True,
        max_length=PERSON_LENGTHS["note"],
        help_text=_("Of this case; no prediction reads it."),
        widget=forms.Textarea(attrs={"rows": 6, "autocomplete": "off"}),
    )

    def changes(self) -> dict[str, str]:
        """The fields that are not as the page showed them."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


@dataclass(slots=True)
class TypedFinding:
    """A finding in a form that is not saved yet."""

    id: str
    label: str
    is_present: bool


class EmergencyForm(StyledForm):
    """Whose cases somebody needs to see at once, and why."""

    patient = forms.CharField(
        label=_("Patient"),
        max_length=200,
        help_text=_("The whole pseudonym, or the whole medical record number"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Why you need to see them now"),
        min_length=10,
        max_length=500,
        help_text=_("The privacy officer reads it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ConsentForm(StyledForm):
    """An act of consent. `text` is the one that stood on the page."""

    purpose = forms.ChoiceField(choices=Consent.Purpose.choices, widget=forms.HiddenInput)
    text = forms.UUIDField(required=False, widget=forms.HiddenInput)
    given = forms.TypedChoiceField(
        choices=[("yes", ""), ("no", "")], coerce=lambda word: word == "yes", widget=forms.HiddenInput
    )
    channel = forms.ChoiceField(
        label=_("How the patient said so"), choices=[("", _("Choose …")), *Consent.Channel.choices]
    )


class NewCaseForm(PatientForm):
    """A whole case. `findings` keeps what was chosen, also when something else is wrong."""

    pseudonym = forms.CharField(
        label=_("Pseudonym"),
        max_length=80,
        help_text=_("Never the patient's name. It must be new in your organisation."),
        error_messages={"required": _("Give the patient a pseudonym, such as K7-0412.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    care = forms.BooleanField(
        label=_("The patient consents to care with this system"),
        required=False,
        help_text=_("Without it no differential diagnosis can be made."),
    )
    training = forms.BooleanField(
        label=_("The patient consents to model training"),
        required=False,
        help_text=_(
            "The case, once confirmed, may then help to improve the system. This changes nothing in care."
        ),
    )
    research = forms.BooleanField(
        label=_("The patient consents to research"),
        required=False,
        help_text=_("The case may then be part of de-identified exports. This changes nothing in care."),
    )
    channel = forms.ChoiceField(
        label=_("How the patient consented"),
        required=False,
        choices=[("", _("Choose …")), *Consent.Channel.choices],
    )
    field_order = ("pseudonym", "age_number", "age_unit", "sex", "care", "training", "research", "channel")

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.findings: list[TypedFinding] = []
        self.finding_text = ""
        self.finding_error: FieldError | None = None
        if data is not None:
            self._read_findings(data)

    def _read_findings(self, data: QueryDict) -> None:
        states = dict.fromkeys(data.getlist("finding"), True)
        for term_id in states:
            states[term_id] = data.get(f"state-{term_id}") != "absent"
        states |= dict.fromkeys(data.getlist("add"), True)
        for term_id in data.getlist("remove"):
            states.pop(term_id, None)
        self.findings = _labelled(states)
        self.finding_text = "" if "add" in data else data.get("finding_text", "").strip()[:200]
        if self.finding_text:
            self._look_up(self.finding_text)
        if len(self.findings) > MOST_FINDINGS:
            self.finding_error = FieldError("findings", "too_many_findings", "", str(len(self.findings)))

    def _look_up(self, text: str) -> None:
        """Take what was typed and not chosen when it is exactly a finding; otherwise offer what is near."""
        found = look_up_finding(text)
        if isinstance(found, FieldError):
            self.finding_error = found
        else:
            self.finding_text = ""
            if found.id not in {finding.id for finding in self.findings}:
                self.findings.append(found)

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        known = resolve_terms(term_ids=[finding.id for finding in self.findings])
        for finding in self.findings:
            if finding.id not in known and self.finding_error is None:
                self.finding_error = FieldError("findings", "unknown_finding", "", finding.id)
        if self.finding_error is not None:
            self.add_error(None, _("See the findings."))
        if any(values.get(purpose) for purpose in Consent.Purpose.values) and not values.get("channel"):
            self.add_error("channel", _("Say how the patient consented."))
        return values

    def ids(self, *, present: bool) -> tuple[str, ...]:
        """The current ids of the chosen findings of one state, each once."""
        chosen = [finding.id for finding in self.findings if finding.is_present is present]
        known = resolve_terms(term_ids=chosen)
        return tuple(dict.fromkeys(known[term_id].id for term_id in chosen))


def _labelled(states: dict[str, bool]) -> list[TypedFinding]:
    labels = labels_of(term_ids=list(states))
    return [
        TypedFinding(term_id, label_for_reader(term_id=term_id, label=labels.get(term_id, term_id)), state)
        for term_id, state in states.items()
    ]


def look_up_finding(text: str) -> TypedFinding | FieldError:
    """The finding whose label, synonym or id `text` is; otherwise an error with the nearest ones."""
    hits = search_terms(query=text, limit=6)
    exact = [hit for hit in hits if hit.kind == "id" or hit.text.lower() == text.lower()]
    if exact and (exact[0].kind != "id" or len(hits) == 1 or exact[0].id == text.upper()):
        label = label_for_reader(term_id=exact[0].id, label=exact[0].label)
        return TypedFinding(exact[0].id, label, True)
    return FieldError("findings", "unknown_finding", "", text, tuple((hit.id, hit.label) for hit in hits))


def colleague_choices(colleagues: Iterable[Any]) -> list[tuple[str, str]]:
    """Accounts as choices of a select."""
    return [(str(user.pk), user.get_full_name() or user.get_username()) for user in colleagues]
