"""What privacy officers fill in."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.cases.models import Hold
from apps.cases.retention import FEWEST_DAYS, MOST_DAYS, Limits
from apps.core.forms import StyledForm
from apps.privacy.deidentification import LEAST_K, MOST_K
from apps.privacy.models import Erasure, ResearchExport


class PatientSearch(StyledForm):
    """A whole pseudonym or medical record number. Sent by POST, so that no log of addresses holds it."""

    text = forms.CharField(
        label=_("Pseudonym or medical record number"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class HoldForm(StyledForm):
    """What is placed on a patient's data, and why."""

    kind = forms.ChoiceField(
        label=_("What holds from now on"),
        choices=[
            (Hold.Kind.LEGAL, _("Legal hold: nothing is deleted")),
            (
                Hold.Kind.RESTRICTION,
                _(
                    "Restriction of processing (GDPR art. 18): nothing is deleted, changed, predicted or learnt from"
                ),
            ),
        ],
    )
    reason = forms.CharField(label=_("Reason"), min_length=10, max_length=500)

    @property
    def wanted_kind(self) -> Hold.Kind:
        """The kind, once the form is valid."""
        return Hold.Kind(self.cleaned_data["kind"])


class LimitsForm(StyledForm):
    """Days that data are kept."""

    case_days = forms.IntegerField(
        label=_("Days that a case is kept after it was last changed"),
        min_value=FEWEST_DAYS,
        max_value=MOST_DAYS,
    )
    prediction_days = forms.IntegerField(
        label=_("Days that a prediction without a case is kept"), min_value=FEWEST_DAYS, max_value=MOST_DAYS
    )

    @property
    def limits(self) -> Limits:
        """The limits, once the form is valid."""
        return Limits(self.cleaned_data["case_days"], self.cleaned_data["prediction_days"])


class LiftForm(StyledForm):
    """Why a hold ends."""

    lift_reason = forms.CharField(label=_("Reason for lifting it"), min_length=10, max_length=500)


class ErasureForm(StyledForm):
    """The reason, and the word that one means it."""

    reason = forms.ChoiceField(label=_("Reason"), choices=Erasure.Reason.choices)
    confirmed = forms.BooleanField(
        label=_("Erase this patient for good. I know that nobody can undo this."),
        error_messages={"required": _("Tick the box to confirm.")},
    )

    @property
    def wanted_reason(self) -> Erasure.Reason:
        """The reason, once the form is valid."""
        return Erasure.Reason(self.cleaned_data["reason"])


class ResearchForm(StyledForm):
    """Who gets an export, and how few patients are too few."""

    study = forms.CharField(
        label=_("Study, and who approved it"),
        help_text=_("Stands in the export and in the list below. Name no patient."),
        min_length=5,
        max_length=200,
    )
    k = forms.IntegerField(
        label=_("Fewest patients who must look alike"),
        help_text=_(
            "By sex and age (k-anonymity). Take 11 for what is published, fewer only under a contract."
        ),
        min_value=LEAST_K,
        max_value=MOST_K,
    )
    small_cells = forms.ChoiceField(
        label=_("Diseases and findings that fewer patients have"),
        choices=ResearchExport.SmallCells,
        initial=ResearchExport.SmallCells.WITHHOLD,
    )
