"""What auditors ask of the trail."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.audit.models import Outcome
from apps.core.forms import StyledForm

OUTCOMES: dict[str, Any] = {Outcome.OK: _("done"), Outcome.DENIED: _("denied"), Outcome.FAILED: _("failed")}


def _day() -> forms.DateInput:
    return forms.DateInput({"type": "date"}, "%Y-%m-%d")


class EventFilter(StyledForm):
    """The filter of the trail, in the address bar. A field that cannot be understood finds nothing, and says so."""

    action = forms.CharField(
        required=False, max_length=60, label=_("Act"), help_text=_("Its beginning, such as case.")
    )
    actor = forms.CharField(required=False, max_length=150, label=_("Who"), help_text=_("User name or id"))
    outcome = forms.ChoiceField(
        required=False, choices=[("", _("any")), *OUTCOMES.items()], label=_("Outcome")
    )
    since = forms.DateField(required=False, label=_("From"), widget=_day())
    until = forms.DateField(required=False, label=_("To"), widget=_day())
    patient = forms.UUIDField(
        required=False,
        label=_("Patient"),
        help_text=_("The patient’s opaque id"),
        error_messages={"invalid": _("Not an id of a patient; it looks like 0190f0c2-….")},
        widget=forms.TextInput,
    )

    object = forms.UUIDField(
        required=False,
        label=_("Object"),
        help_text=_("Id of a case, a prediction, …"),
        error_messages={"invalid": _("Not an id; it looks like 0190f0c2-….")},
        widget=forms.TextInput,
    )

    def clean_actor(self) -> UUID | str:
        text: str = self.cleaned_data["actor"].strip()
        if text.count("-") == 4:
            try:
                return UUID(text)
            except ValueError as error:
                raise ValidationError(_("Neither a user name nor an id.")) from error
        return text
