"""What people type about their own account."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.utils.translation import gettext_lazy as _

from apps.core.capabilities import Capability
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
    """A name for a new API token, how long it shall hold, and which of its owner's `scopes` it shall have."""

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
    scopes = forms.MultipleChoiceField(
        label=_("It may"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Tick no more than the program needs; what you lose, it loses, too."),
    )

    def __init__(self, *args: Any, scopes: list[Capability], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [(scope.value, scope.label) for scope in scopes]  # type: ignore[attr-defined]


class CodeForm(StyledForm):
    """A code of an authenticator app, or a recovery code; spaces do not matter."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        help_text=_("The six digits that your app shows now, or one of your recovery codes."),
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )

    def clean_code(self) -> str:
        return "".join(self.cleaned_data["code"].split())


class AppCodeForm(CodeForm):
    """The first code of an app that has just read the secret."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = _("The six digits that the app shows for Hoofbeat now.")


class ConfirmPasswordForm(StyledForm):
    """One's own password once more."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput({"autocomplete": "current-password", "autofocus": True}),
    )


class PasskeyForm(StyledForm):
    """A name for a new passkey, and what the browser made."""

    name = forms.CharField(
        label=_("Name"), max_length=80, help_text=_("So that you know it again, such as “office laptop”.")
    )
    credential = forms.CharField(widget=forms.HiddenInput, max_length=20_000)
