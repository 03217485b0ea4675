"""What those fill in who train and release models."""

from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from apps.core.forms import StyledForm
from apps.datasets.models import DatasetVersion
from apps.datasets.selectors import trainable_datasets
from apps.lifecycle.models import CANDIDATES, ENGINE
from apps.registry.releases import SHORTEST_REASON
from apps.registry.selectors import ALL

APPROVE, REJECT = "approve", "reject"


def _reason() -> forms.CharField:
    return forms.CharField(
        label=_("Reason"),
        min_length=SHORTEST_REASON,
        max_length=500,
        widget=forms.Textarea({"rows": 3}),
    )


class ReasonForm(StyledForm):
    """Why something is done."""

    reason = _reason()


class RollBackForm(ReasonForm):
    """Also the model that the page spoke of, so that nobody goes back further than he saw."""

    number = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


class ProposalForm(StyledForm):
    """For how many requests, and on what grounds."""

    share = forms.IntegerField(
        label=_("Percent of the requests that it shall answer"),
        initial=ALL,
        min_value=1,
        max_value=ALL,
        help_text=_("100 releases it. Less begins a canary: each case stays with one model."),
    )
    accepts_doubt = forms.BooleanField(
        label=_("Some gates had too little evidence, and I say below why that is acceptable"),
        required=False,
    )
    reason = _reason()


class DecisionForm(StyledForm):
    """Whether a proposal is approved, and why."""

    verdict = forms.ChoiceField(
        label=_("Decision"),
        choices=[(APPROVE, _("Approve: it answers from now on")), (REJECT, _("Reject"))],
    )
    reason = _reason()


class MomentForm(StyledForm):
    """A moment in the past."""

    at = forms.DateTimeField(
        label=_("Which model answered at"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
    )


class DatasetChoice(forms.ModelMultipleChoiceField):
    """Versions of data, each by its number of cases, its hash and its day."""

    def label_from_instance(self, obj: Any) -> str:
        dataset: DatasetVersion = obj
        return _("%(n)d cases · %(hash)s · %(day)s") % {
            "n": dataset.n_cases,
            "hash": dataset.content_hash[:12],
            "day": date_format(localtime(dataset.created_at), "SHORT_DATE_FORMAT"),
        }


class ExperimentForm(StyledForm):
    """What an experiment learns from, compares and is judged on."""

    datasets = DatasetChoice(
        label=_("Learn from"),
        queryset=DatasetVersion.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: the confirmed cases of patients who agree to training, as they are then."),
    )
    evaluation = DatasetChoice(
        label=_("Judge on"),
        queryset=DatasetVersion.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "None chosen: a fifth of the cases is held out, the same ones in every experiment, so that no model has "
            "learned from them."
        ),
    )
    candidates = forms.MultipleChoiceField(
        label=_("Compare"),
        choices=list(CANDIDATES.items()),
        initial=[ENGINE],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The engine is always trained. The others are compared with it and not released."),
    )
    trials = forms.IntegerField(
        label=_("Trials of tuning for each algorithm and fold"), initial=10, min_value=0, max_value=200
    )
    folds = forms.IntegerField(
        label=_("Folds"),
        initial=5,
        min_value=2,
        max_value=20,
        help_text=_("To compare algorithms with; where sets that judge are named, these compare them."),
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        initial=0,
        min_value=0,
        max_value=2**31 - 1,
        help_text=_("The same experiment with the same seed gives the same result."),
    )
    reason = forms.CharField(label=_("Why?"), required=False, max_length=300)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("datasets", "evaluation"):
            field: Any = self.fields[name]
            field.queryset = trainable_datasets()

    def clean_candidates(self) -> list[str]:
        """The engine is one of them, whatever was ticked."""
        return list(dict.fromkeys((ENGINE, *self.cleaned_data["candidates"])))
