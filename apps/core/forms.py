"""How the fields of every form look."""

from collections.abc import Iterable
from typing import Any

from django import forms

from apps.core.problems import FieldError


class StyledForm(forms.Form):
    """A form whose fields carry Bootstrap's classes; the CSS shows wrong ones by Django's `aria-invalid`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        style_fields(self)


def style_fields(form: forms.BaseForm) -> None:
    """Give each visible field the class that its kind of control needs."""
    for field in form.fields.values():
        widget = field.widget
        if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
            kind = "form-check-input"
        elif isinstance(widget, forms.Select):
            kind = "form-select"
        else:
            kind = "form-control"
        widget.attrs["class"] = kind


def add_errors(form: forms.Form, errors: Iterable[FieldError]) -> None:
    """Show what a service refused beside the fields of `form` that it names, and the rest above them."""
    for error in errors:
        form.add_error(error.field if error.field in form.fields else None, error.detail)
