"""What those fill in who release models."""

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.forms import StyledForm
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
