"""What people type about their own account."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.utils.translation import gettext_lazy as _

from apps.core.forms import StyledForm, style_fields


class SignInForm(AuthenticationForm):
    """Name and password. Its error is the same whether or not the account exists."""

    error_messages = {
        "invalid_login": _("Name and password do not match. Both distinguish capital and small letters."),
        "inactive": _("Name and password do not match. Both distinguish capital and small letters."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        style_fields(self)


class NewPasswordForm(PasswordChangeForm):
    """The old password and a new one, twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        style_fields(self)


class TokenForm(StyledForm):
    """A name for a new API token, and how long it shall hold."""

    name = forms.CharField(
        label=_("What is it for?"),
        max_length=80,
        help_text=_("The program that will use it, such as “laboratory system”."),
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        choices=[(30, _("30 days")), (90, _("90 days")), (365, _("1 year"))],
        initial=90,
    )
