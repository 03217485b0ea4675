"""What an administrator says of a new client."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.selectors import PROGRAM_SCOPES
from apps.core.forms import StyledForm
from apps.oauth.models import LOOPBACK
from apps.oauth.services import Kind, NewClient


class ClientForm(StyledForm):
    """A name, what kind of program it is, where it may lead back to or as whom it acts, and what it may."""

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("People read it when they are asked whether it may act for them."),
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Kind.choices)
    redirect_uris = forms.CharField(
        label=_("Addresses to return to"),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 2, "spellcheck": "false"}),
        help_text=_(
            "One a line, exactly as the program sends it: https://…, or http://127.0.0.1/… for a program on "
            "people’s own machines. None for a service."
        ),
    )
    account = forms.ModelChoiceField(
        label=_("Account of the service"),
        queryset=User.objects.none(),
        required=False,
        help_text=_(
            "Only for a service. It may what this account may; the account is one with password-based "
            "authentication disabled, so that nobody signs in to it."
        ),
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may at most"),
        choices=[(scope.value, scope.label) for scope in PROGRAM_SCOPES],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Tick no more than the program needs; it never may more than the account it acts for."),
    )

    def __init__(self, *args: Any, accounts: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]

    def clean_redirect_uris(self) -> list[str]:
        return self.cleaned_data["redirect_uris"].split()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        kind, uris = given.get("kind"), given.get("redirect_uris", [])
        if kind == Kind.SERVICE:
            if not given.get("account") and "account" not in self.errors:
                self.add_error("account", _("Choose the account as which the service acts."))
            return given
        if not uris and "redirect_uris" not in self.errors:
            self.add_error("redirect_uris", _("Enter at least one address."))
        for uri in uris:
            if not _is_fit(uri, native=kind == Kind.NATIVE):
                wrong = _("%(uri)s is no https:// address without user name and fragment.") % {"uri": uri}
                self.add_error("redirect_uris", wrong)
        return given

    def new_client(self) -> NewClient:
        """What was entered, for `register_client`."""
        given = self.cleaned_data
        is_service = given["kind"] == Kind.SERVICE
        return NewClient(
            name=given["name"],
            kind=given["kind"],
            scopes=given["scopes"],
            redirect_uris=() if is_service else given["redirect_uris"],
            account=given["account"] if is_service else None,
        )


def _is_fit(uri: str, *, native: bool) -> bool:
    """Whether a browser may be led back there (RFC 9700, section 2.1; RFC 8252, section 7.3)."""
    try:
        parts = urlsplit(uri)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "#" in uri or "*" in parts.netloc or not uri.isascii():
        return False
    return parts.scheme == "https" or (native and parts.scheme == "http" and host in LOOPBACK)
