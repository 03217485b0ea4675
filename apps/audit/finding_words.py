"""What a verification found, in words for auditors."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.audit.models import Verification


@dataclass(frozen=True, slots=True)
class Told:
    """One finding. `sequence` is the number of the event that it is about, where it is about one."""

    text: str
    sequence: int | None
    event_id: str

    @property
    def after(self) -> int | None:
        """The cursor of the trail that shows the event first, or what came before the place where it stood."""
        return None if self.sequence is None else self.sequence + 1


def told_of(run: Verification) -> list[Told]:
    """Its findings in sentences: first what happened to events, then what happened to the seals around them."""
    findings: Iterable[dict[str, Any]] = (run.result or {}).get("findings", ())
    ordered = sorted(findings, key=lambda finding: finding["kind"] not in _OF_EVENTS)
    return [Told(_sentence(finding), finding["sequence"], finding["event_id"]) for finding in ordered]


_OF_EVENTS = {"edited", "inserted", "moved", "deleted"}


def _sentence(finding: dict[str, Any]) -> str:
    values = {"n": finding["sequence"], "block": finding["block"]}
    match finding["kind"]:
        case "edited":
            return _("Event %(n)s was changed after it was sealed in block %(block)s.") % values
        case "inserted":
            return _("Event %(n)s was put into the trail past the sealing: no block holds it.") % values
        case "moved":
            return (
                _(
                    "At number %(n)s another event stands than was sealed in block %(block)s: events were moved."
                )
                % values
            )
        case "deleted" if finding["block"] is None:
            return _("Event %(n)s was deleted before it was sealed.") % values
        case "deleted":
            return _("Event %(n)s, sealed in block %(block)s, was deleted.") % values
        case "leaf":
            return (
                _("The database’s seal of event %(n)s is not the one that was anchored with block %(block)s.")
                % values
            )
        case "block":
            return (
                _("Block %(block)s is missing in the database, or is not the one that was anchored.") % values
            )
        case "chain":
            return _("Block %(block)s does not continue the block before it.") % values
        case "anchor":
            return (
                _("The anchor’s own block %(block)s is missing, damaged, or there in two versions.") % values
            )
    return str(finding)
