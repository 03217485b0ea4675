"""The record of processing activities (GDPR art. 30(1)), made of the inventory and of the settings that hold now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from apps.accounts.models import Organisation
from apps.privacy.inventory import TABLES, Activity, Kind, Table
from apps.privacy.inventory.gaps import all_columns, sealed_columns


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `name` is "app.Model.field"; `protection` says how it is encrypted, or is ""."""

    name: str
    kind: Kind
    retention: str
    protection: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One activity: what art. 30(1)(b) to (f) asks for. `columns` are those that say something of a person."""

    name: str
    purpose: str
    basis: str
    subjects: str
    data: str
    recipients: str
    transfers: str
    retention: str
    elsewhere: str
    counts: Mapping[str, int]
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True)
class ProcessingRecord:
    """`controllers` and `officer` are art. 30(1)(a), "" where the settings do not say; `measures` are (g)."""

    controllers: Sequence[str]
    contact: str
    officer: str
    entries: Sequence[Entry]
    measures: Sequence[str]
    n_columns: int


def processing_record(*, controllers: Sequence[str]) -> ProcessingRecord:
    """The record of the organisations named, in the language that is active."""
    encrypted = {
        f"{model._meta.label}.{name}"
        for model in {model for model, _field in all_columns()}
        for name in sealed_columns(model)
    }
    by_activity: dict[str, tuple[Activity, list[Table]]] = {}
    for table in TABLES.values():
        by_activity.setdefault(str(table.activity.name), (table.activity, []))[1].append(table)
    return ProcessingRecord(
        controllers=controllers,
        contact=settings.CONTROLLER,
        officer=settings.DATA_PROTECTION_OFFICER,
        entries=[_entry(activity, tables, encrypted) for activity, tables in by_activity.values()],
        measures=_measures(),
        n_columns=sum(len(table.columns) for table in TABLES.values()),
    )


def list_controllers() -> list[str]:
    """Names of all organisations of this installation: each is the controller of its own patients' data."""
    return list(Organisation.objects.values_list("name", flat=True))


def _entry(activity: Activity, tables: Sequence[Table], encrypted: set[str]) -> Entry:
    columns = [
        Column(
            name := f"{table.model}.{field}",
            kind,
            _filled(str(table.retention)),
            _("sealed: AES-256-GCM, a key per patient")
            if name in encrypted
            else str(table.unsealed.get(field, "")),
        )
        for table in tables
        for field, kind in table.columns.items()
    ]
    return Entry(
        name=str(activity.name),
        purpose=str(activity.purpose),
        basis=str(activity.basis),
        subjects=str(activity.subjects),
        data=str(activity.data),
        recipients=str(activity.recipients),
        transfers=str(activity.transfers),
        retention=_filled(str(activity.retention)),
        elsewhere=str(activity.elsewhere),
        counts={kind.value: sum(column.kind == kind for column in columns) for kind in Kind},
        columns=[column for column in columns if column.kind != Kind.NONE],
    )


def figures() -> dict[str, int]:
    """What the texts of the inventory may name in braces: the limits that the settings set."""
    return {
        "retention_days": settings.RETENTION_DAYS,
        "idempotency_hours": settings.IDEMPOTENCY_HOURS,
        "archive_days": settings.ARCHIVE_DAYS,
        "session_hours": settings.SESSION_LIMIT // timedelta(hours=1),
        "idle_minutes": settings.SESSION_IDLE_LIMIT // timedelta(minutes=1),
        "lockout_minutes": settings.AXES_COOLOFF_TIME // timedelta(minutes=1),
        "lockout_failures": settings.AXES_FAILURE_LIMIT,
        "emergency_minutes": settings.EMERGENCY_MINUTES,
    }


def _filled(text: str) -> str:
    return text.format_map(figures())


def _measures() -> list[str]:
    """Art. 32(1), each with the decision record that says how."""
    texts = [
        _("what says who a patient is stands as ciphertext, AES-256-GCM, under a key of his own (ADR 26)"),
        _("PostgreSQL shows the rows of one organisation only, and forces it (ADR 27)"),
        _("a case is seen by its care team alone; emergency access for {emergency_minutes} minutes, reviewed (ADR 30)"),
        _("every access leaves an event in a sealed, append-only trail, which is watched (ADR 4, 5, 23, 30)"),
        _("second factors for administrators and privacy officers; an account is locked after {lockout_failures} "
          "failures; sessions end after {idle_minutes} minutes without a request (ADR 25)"),
        _("roles with capabilities, which every address declares (ADR 3)"),
    ]  # fmt: skip
    if settings.TLS:
        texts.append(_("pages and API over TLS alone, with HSTS"))
    return [_filled(text) for text in texts]
