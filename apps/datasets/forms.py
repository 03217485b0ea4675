"""What those fill in who bring data in."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.core.forms import StyledForm
from apps.datasets.checking import MOST_TEXT
from apps.datasets.models import DataSource, MappingProposal
from ml.data.connectors import SourceError, kinds
from ml.data.source_file import read_object


class ObjectField(forms.CharField):
    """YAML or JSON that is an object of values that JSON knows; {} where nothing stands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=MOST_TEXT, strip=False, **options)

    def prepare_value(self, value: Any) -> Any:
        return (
            json.dumps(value, ensure_ascii=False, indent=1)
            if isinstance(value, dict) and value
            else value or ""
        )

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        try:
            return read_object(text) if text.strip() else {}
        except SourceError as error:
            raise forms.ValidationError(str(error)) from None


class Unshown(forms.Textarea):
    """What was typed is not sent back, as in fields of passwords."""

    def format_value(self, value: Any) -> str:
        return ""


class SourceForm(StyledForm):
    """A source, but for what `apps.datasets.checking` judges. Credentials are written here and never shown."""

    name = forms.CharField(label=_("Name"), max_length=80)
    kind = forms.ChoiceField(
        label=_("Kind"),
        initial="files",
        help_text=_("files: a file, folder, pattern or bucket, or what you upload"),
    )
    location = forms.CharField(
        label=_("Location"),
        required=False,
        max_length=1000,
        help_text=_("An address, a folder, a bucket (s3://…). Empty for files that you upload."),
    )
    options = ObjectField(
        label=_("Options"),
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
        help_text=_("YAML, as docs/data.md says for each kind: query, records, paging …"),
    )
    credentials = ObjectField(
        label=_("Credentials"),
        widget=Unshown({"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "YAML, such as token: …, or username: … and password: …. Stored as ciphertext and never shown again; left "
            "empty, the stored ones stay."
        ),
    )
    forget_credentials = forms.BooleanField(label=_("Remove the stored credentials"), required=False)
    format = forms.ChoiceField(label=_("Format"), choices=DataSource.Format.choices)
    shape = forms.CharField(
        label=_("Shape"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 10, "spellcheck": "false"}),
        help_text=_(
            "YAML that says which field holds what. Empty for phenopackets and canonical records; the mapping "
            "assistant writes it from a sample."
        ),
    )
    finding_mappings = forms.CharField(
        label=_("Mapping set of findings"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 5, "spellcheck": "false", "wrap": "off"}),
        help_text=_("SSSOM, tab-separated"),
    )
    diagnosis_mappings = forms.CharField(
        label=_("Mapping set of diagnoses"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 5, "spellcheck": "false", "wrap": "off"}),
        help_text=_("SSSOM, tab-separated"),
    )
    error_budget = forms.FloatField(
        label=_("Error budget"),
        initial=0.05,
        min_value=0,
        max_value=1,
        widget=forms.NumberInput({"step": "0.01"}),
        help_text=_("Share of rows, and of files, that may be rejected; beyond it a version is quarantined."),
    )
    every_hours = forms.IntegerField(
        label=_("Read it every … hours"), required=False, min_value=1, max_value=8760
    )
    retrains = forms.BooleanField(label=_("An accepted new version asks for a retraining"), required=False)
    is_enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [(kind, kind) for kind in kinds()]  # type: ignore[attr-defined]

    def credentials_given(self) -> dict[str, str] | None:
        """New ones, {} to remove the stored ones, None to leave them."""
        if self.cleaned_data["forget_credentials"]:
            return {}
        given: dict[str, str] = self.cleaned_data["credentials"]
        return given or None


class UploadForm(StyledForm):
    """A file with cases, or a sample of them."""

    upload = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        help_text=_("CSV, TSV, JSON, JSON lines, Parquet, Excel, text, or a zip of them"),
    )


class DecisionForm(StyledForm):
    """What becomes of a quarantined version, and why."""

    verdict = forms.ChoiceField(
        label=_("Decision"),
        choices=[
            ("accept", _("Accept: it may be trained on")),
            ("reject", _("Reject: it is never trained on")),
        ],
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=500, min_length=10, widget=forms.Textarea({"rows": 3})
    )


class CaseFilterForm(StyledForm):
    """Which cases of a version are shown."""

    sex = forms.ChoiceField(
        label=_("Sex"),
        required=False,
        choices=[("", _("any")), ("female", _("female")), ("male", _("male")), ("other", _("other"))],
    )
    diagnosis = forms.CharField(
        label=_("Diagnosis"), required=False, max_length=300, help_text=_("an id, such as OMIM:154700")
    )
    finding = forms.CharField(
        label=_("Present finding"), required=False, max_length=300, help_text=_("an id, such as HP:0001166")
    )


class MeaningForm(StyledForm):
    """What a code of a source means."""

    target = forms.CharField(required=False, max_length=30)
    relation = forms.ChoiceField(label=_("The code"), choices=MappingProposal.Relation.choices)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("target") and "none" not in self.data:
            self.add_error(
                "target", _now("Choose what it means from the list, or say that there is nothing.")
            )
        return cleaned
