"""The form of a declaration."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise
_NONE = _("none")


class Kind(models.TextChoices):
    """What a column says of a person, gravest first."""

    # GDPR art. 4(1): it says who somebody is, or is his own words, address or device.
    PERSONAL = "personal", _("personal")
    # GDPR art. 9(1) with recital 35: health of somebody who is known by a pseudonym.
    SPECIAL = "special", _("special category (health)")
    # GDPR art. 4(5): an opaque id, or something said of a person who is only known by one.
    PSEUDONYMOUS = "pseudonymous", _("pseudonymous")
    NONE = "none", _("no personal data")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Why data are processed (GDPR art. 30(1)(b) to (f)); what it says holds for all of its tables.

    `retention` may name figures of `record.figures` in braces. `elsewhere` says what is kept outside of the database.
    """

    name: Text
    purpose: Text
    basis: Text
    subjects: Text
    data: Text
    recipients: Text
    retention: Text
    transfers: Text = _NONE
    elsewhere: Text = ""
    of_patients: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What the columns of one model are. `unsealed` says why a personal column of a patient is not a sealed one."""

    model: str
    activity: Activity
    columns: Mapping[str, Kind]
    unsealed: Mapping[str, Text]
    retention: Text


def table(
    model: str,
    activity: Activity,
    *,
    personal: str = "",
    special: str = "",
    pseudonymous: str = "",
    none: str = "",
    unsealed: Mapping[str, Text] | None = None,
    retention: Text = "",
) -> Table:
    """Declare the fields of `model` ("app.Model"), each by name in the words of one kind; there is no default.

    `retention` where it is not that of the activity. Raises ValueError for what is declared twice.
    """
    columns: dict[str, Kind] = {}
    words = {
        Kind.PERSONAL: personal,
        Kind.SPECIAL: special,
        Kind.PSEUDONYMOUS: pseudonymous,
        Kind.NONE: none,
    }
    for kind, names in words.items():
        for name in names.split():
            if name in columns:
                raise ValueError(f"{model}.{name} is declared twice")
            columns[name] = kind
    return Table(
        model=model,
        activity=activity,
        columns=columns,
        unsealed=unsealed or {},
        retention=retention or activity.retention,
    )
