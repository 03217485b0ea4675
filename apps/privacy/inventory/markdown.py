"""The record of processing activities as a document."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.privacy.inventory.kinds import Kind
from apps.privacy.inventory.record import Entry, ProcessingRecord


def as_markdown(record: ProcessingRecord) -> str:
    """The whole record in Markdown (CommonMark with tables)."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: ProcessingRecord) -> Iterator[str]:
    missing = _("not stated in the settings")
    yield f"# {_('Record of processing activities (GDPR art. 30(1))')}"
    yield ""
    yield f"- {_('Controllers')}: {', '.join(record.controllers) or missing}"
    yield f"- {_('Contact')} (CONTROLLER): {record.contact or missing}"
    yield f"- {_('Data protection officer')} (DATA_PROTECTION_OFFICER): {record.officer or missing}"
    for entry in record.entries:
        yield from _section(entry)
    yield ""
    yield f"## {_('Technical and organisational measures')}"
    yield ""
    for measure in record.measures:
        yield f"- {measure}"


def _section(entry: Entry) -> Iterator[str]:
    yield ""
    yield f"## {entry.name}"
    yield ""
    for label, text in facts_of(entry):
        yield f"- {label}: {text}"
    if entry.columns:
        yield ""
        yield f"| {_('Field')} | {_('Kind')} | {_('Encryption')} | {_('Kept')} |"
        yield "|---|---|---|---|"
        for column in entry.columns:
            protection = column.protection or "–"
            yield f"| `{column.name}` | {column.kind.label} | {protection} | {column.retention} |"


def facts_of(entry: Entry) -> list[tuple[str, str]]:
    """(label, text) of what art. 30(1)(b) to (f) asks for; only what there is."""
    counted = ", ".join(f"{Kind(kind).label} {n}" for kind, n in entry.counts.items() if n)
    facts = [
        (_("Purpose"), entry.purpose),
        (_("Legal basis (GDPR)"), entry.basis),
        (_("Whose data"), entry.subjects),
        (_("Which data"), entry.data),
        (_("Recipients"), entry.recipients),
        (_("Transfers to third countries"), entry.transfers),
        (_("Kept"), entry.retention),
        (_("Outside of the database"), entry.elsewhere),
        (_("Fields by kind"), counted),
    ]
    return [(label, text) for label, text in facts if text]
