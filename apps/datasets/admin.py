"""Sources of data in Django admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.admin import Audited, Confirmed
from apps.core.problems import InvalidInput
from apps.datasets.checking import check
from apps.datasets.forms import ObjectField, Unshown
from apps.datasets.models import DataSource
from apps.datasets.sources import FIELDS
from ml.data.connectors import kinds


class SourceAdminForm(forms.ModelForm):
    """Judged as on the pages; credentials are written and never shown."""

    kind = forms.ChoiceField(label=_("Kind"))
    options = ObjectField(label=_("Options"), widget=forms.Textarea({"rows": 4}))
    credentials = ObjectField(
        label=_("Credentials"),
        widget=Unshown({"rows": 3, "autocomplete": "off"}),
        help_text=_("YAML. Stored as ciphertext and never shown again; left empty, the stored ones stay."),
    )

    class Meta:
        model = DataSource
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # those who may only look have no fields
        if "kind" in self.fields:
            self.fields["kind"].choices = [(kind, kind) for kind in kinds()]  # type: ignore[attr-defined]

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        if self.cleaned_data["credentials"]:
            self.instance.credentials = self.cleaned_data["credentials"]
        try:
            check(self.instance)
        except InvalidInput as problem:
            for error in problem.errors:
                self.add_error(error.field if error.field in self.fields else None, error.detail)


@admin.register(DataSource)
class DataSourceAdmin(Confirmed, Audited):
    """They are disabled and never deleted: versions name their source."""

    form = SourceAdminForm
    list_display = ("name", "kind", "location", "every_hours", "is_enabled", "updated_at")
    list_filter = ("kind", "is_enabled")

    def has_delete_permission(self, request: HttpRequest, obj: DataSource | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: DataSource, form: Any, change: bool) -> None:
        if not change:
            obj.created_by_id = request.actor.user_id  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)
