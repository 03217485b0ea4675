"""What is asked about a history, and what is said of an outcome."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.forms import StyledForm
from apps.knowledge.selectors import names_of, search_diseases
from apps.predictions.differential import Candidate

NONE_OF_THESE = "none"
ANOTHER = "other"


class HistoryFilter(StyledForm):
    """The filter of the history, in the address bar. What it does not understand counts as no filter."""

    q = forms.CharField(required=False, max_length=80, label=_("Whole pseudonym or record number"))
    since = forms.DateField(
        required=False, label=_("From"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(
        required=False, label=_("To"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    mine = forms.BooleanField(required=False, label=_("only mine"))


class OutcomeForm(StyledForm):
    """The confirmed diagnosis: one of the list, any other, or none of these. `near`: what a typed name may mean."""

    outcome = forms.ChoiceField(widget=forms.RadioSelect, error_messages={"required": _("Choose one.")})
    diagnosis = forms.CharField(required=False, max_length=30, widget=forms.HiddenInput)
    diagnosis_text = forms.CharField(required=False, max_length=500)

    def __init__(self, *args: Any, listed: list[Candidate], has_list: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed = listed
        self.near: list[Any] = []
        choices = [(candidate.id, candidate.name) for candidate in listed] + [(ANOTHER, _("Another disease"))]
        if has_list:
            choices.append((NONE_OF_THESE, _("None of these")))
        self.fields["outcome"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("outcome") == ANOTHER:
            values["diagnosis"] = self._chosen(
                values.get("diagnosis", ""), values.get("diagnosis_text", "").strip()
            )
        return values

    def _chosen(self, disease_id: str, text: str) -> str:
        """The id that was chosen, or that of the disease whose name or id was typed in full."""
        chosen = names_of(disease_ids=[disease_id]).get(disease_id)
        if chosen is not None and text in {"", chosen.name}:
            return chosen.pk
        self.near = search_diseases(query=text, limit=6)
        exact = [
            disease for disease in self.near if text.lower() in {disease.name.lower(), disease.pk.lower()}
        ]
        if exact:
            return exact[0].pk
        self.add_error("diagnosis_text", _("Choose a disease from the suggestions."))
        return ""

    @property
    def disease_id(self) -> str | None:
        """The chosen disease, or None for "none of these"."""
        outcome = self.cleaned_data["outcome"]
        if outcome == NONE_OF_THESE:
            return None
        return self.cleaned_data["diagnosis"] if outcome == ANOTHER else outcome
