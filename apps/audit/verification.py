"""Verifying the trail: what was anchored against blocks, leaves, the queue and the events themselves."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction

from apps.audit.canonical import bytes_of, read_events
from apps.audit.models import AnchoredBlock, Block, Leaf
from apps.audit.sealing import line_of
from apps.audit.verifier import FIRST, block_hash, canonical, leaf_hash, merkle_root

MOST_NAMED = 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where. `kind`: edited, inserted, moved, deleted; or block, chain, anchor, leaf."""

    kind: str
    block: int | None = None
    sequence: int | None = None
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Loss:
    """Blocks that were lost with what they held when a backup was restored, as somebody accepted in `block`.

    `n_events` of their events are not in the database: as many as the anchor names and nobody can read any more.
    """

    block: int
    first: int
    last: int
    n_events: int
    accepted_at: str
    operator: str
    reason: str


@dataclass(slots=True)
class Report:
    """The outcome: whole when nothing was found and nothing lost. `findings` names the first thousand of `n_findings`.

    What was lost and accepted is no finding, and no integrity either. `missing` are blocks that the database lacks,
    with what is to be told of each unless its loss was accepted; of their events `n_kept` are there as sealed.
    `believed` are the events of blocks; `strangers` those that the database alone puts into one.
    """

    n_blocks: int = 0
    n_events: int = 0
    n_waiting: int = 0
    n_unanchored: int = 0
    n_kept: int = 0
    n_findings: int = 0
    findings: list[Finding] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    missing: dict[int, "Report"] = field(default_factory=dict, repr=False)
    believed: set[int] = field(default_factory=set, repr=False)
    strangers: dict[int, str] = field(default_factory=dict, repr=False)

    @property
    def is_whole(self) -> bool:
        return not self.n_findings and not self.losses

    def add(self, finding: Finding) -> None:
        self.n_findings += 1
        if len(self.findings) < MOST_NAMED:
            self.findings.append(finding)

    def take(self, other: "Report") -> None:
        """Tell what was told of one block."""
        for finding in other.findings:
            self.add(finding)
        self.n_findings += other.n_findings - len(other.findings)
        self.believed |= other.believed
        self.n_blocks += 1
        self.n_events += len(other.believed)

    def as_json(self) -> dict[str, Any]:
        named = ("n_blocks", "n_events", "n_waiting", "n_unanchored", "n_findings")
        return {
            "is_whole": self.is_whole,
            **{name: getattr(self, name) for name in named},
            "findings": [asdict(finding) for finding in self.findings],
            "losses": [asdict(loss) for loss in self.losses],
        }


def _silent(_number: int, _until: int) -> None:
    """Nobody watches."""


def verify_trail(
    *,
    anchored: Iterable[dict[str, Any]],
    last: dict[str, Any] | None,
    say: Callable[[int, int], None] = _silent,
) -> Report:
    """Compare everything, block by block, as of one moment of the database.

    `last` is the anchor's last block, read before; `anchored` may meanwhile grow. Where anchor and database differ,
    the anchor is believed. `say` hears of each block, and of how many there are. Raises AnchorFailed when the anchor
    cannot be read.
    """
    report = Report()
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not connection.savepoint_ids:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        head = Block.objects.order_by("-number").values_list("number", flat=True).first() or 0
        known = AnchoredBlock.objects.order_by("-number").values_list("number", flat=True).first() or 0
        until = max(head, last["number"] if last else 0)
        number, previous = 0, FIRST
        for line in _lines(report, anchored, until, known):
            number = line["number"]
            previous = _verify_block(report, line, previous)
            say(number, until)
        anchored_events = set(report.believed)
        for block in Block.objects.filter(number__gt=number).order_by("number").iterator():
            line = line_of(block)
            # Not what waits for the anchor: the database says it was anchored, or it hangs on no anchored block.
            if block.number <= known or block.previous != previous:
                report.strangers |= {sequence: event_id for sequence, event_id, _digest in line["leaves"]}
            report.n_unanchored += 1
            previous = _verify_block(report, line, previous)
            report.believed -= report.strangers.keys() - anchored_events
        for number in sorted(report.missing):
            report.take(report.missing[number])
        for sequence in sorted(report.strangers.keys() - report.believed):
            report.add(Finding("inserted", None, sequence, report.strangers[sequence]))
        _verify_rest(report, max(until, number))
    return report


def _lines(
    report: Report, anchored: Iterable[dict[str, Any]], until: int, known: int
) -> Iterator[dict[str, Any]]:
    """The anchor's blocks in order up to `until`; a gap, a second block of a number, or a missing end is a finding."""
    number, digest = 0, FIRST
    for line in anchored:
        if line["number"] > until:
            break
        if line["number"] == number:
            # The same block twice is what a crash may leave; another one is a fork.
            if line["hash"] != digest:
                report.add(Finding("anchor", line["number"]))
            continue
        for missing in range(number + 1, line["number"]):
            report.add(Finding("anchor", missing))
        number, digest = line["number"], line["hash"]
        yield line
    for missing in range(number + 1, known + 1):
        report.add(Finding("anchor", missing))


def _verify_block(report: Report, line: dict[str, Any], previous: str) -> str:
    """Check one block that is believed against the database; returns the hash that the next must name."""
    number = line["number"]
    if line["hash"] != block_hash(line) or not _holds_together(line):
        report.add(Finding("anchor", number))
    if line["previous"] != previous:
        report.add(Finding("chain", number))
    row = Block.objects.filter(number=number).first()
    told = Report()
    if row is None or row.hash != line["hash"] or block_hash(vars(row)) != line["hash"]:
        told.add(Finding("block", number))
    believed = {sequence: (event_id, digest) for sequence, event_id, digest in line["leaves"]}
    _verify_events(report, told, number, believed)
    stored = {
        sequence: (str(event_id), digest, position)
        for sequence, event_id, digest, position in Leaf.objects.filter(block=number).values_list(
            "sequence", "event_id", "hash", "position"
        )
    }
    for position, (sequence, (event_id, digest)) in enumerate(believed.items()):
        if stored.pop(sequence, None) != (event_id, digest, position):
            told.add(Finding("leaf", number, sequence, event_id))
    for sequence, (event_id, _digest, _position) in stored.items():
        report.strangers[sequence] = event_id
    told.believed = set(believed)
    if row is None:
        report.missing[number] = told
    else:
        report.take(told)
    if "acceptance" in line:
        _accept(report, line)
    return line["hash"]


def _holds_together(line: dict[str, Any]) -> bool:
    """Whether the block's root is that of its events, or of the statement that it holds in place of events."""
    if "acceptance" in line:
        root = leaf_hash(canonical(line["acceptance"])).hex()
        return not line["leaves"] and line["size"] == 0 and line["root"] == root
    hashes = [bytes.fromhex(digest) for _sequence, _id, digest in line["leaves"]]
    return bool(hashes) and line["size"] == len(hashes) and line["root"] == merkle_root(hashes).hex()


def _accept(report: Report, line: dict[str, Any]) -> None:
    """Of blocks that are missing and whose loss was accepted, tell the loss and not the findings."""
    accepted = line["acceptance"]
    lost = [
        report.missing.pop(number)
        for number in range(accepted["first"], line["number"])
        if number in report.missing
    ]
    report.losses.append(
        Loss(
            block=line["number"],
            first=accepted["first"],
            last=accepted["last"],
            n_events=sum(len(block.believed) - block.n_kept for block in lost),
            accepted_at=line["sealed_at"],
            operator=accepted["operator"],
            reason=accepted["reason"],
        )
    )


def _verify_events(report: Report, told: Report, number: int, believed: dict[int, tuple[str, str]]) -> None:
    """What is wrong with events that are there goes into `report`; that an event is gone, into `told`."""
    events = read_events(list(believed))
    ids = {event["id"] for event in events.values()}
    for sequence, (event_id, digest) in believed.items():
        event = events.get(sequence)
        if event is None:
            told.add(Finding("deleted", number, sequence, event_id))
        elif event["id"] != event_id:
            # After a restored backup another event may have its number.
            if event_id in ids or _exists(event_id):
                report.add(Finding("moved", number, sequence, event_id))
            else:
                told.add(Finding("edited", number, sequence, event_id))
        elif leaf_hash(bytes_of(event)).hex() != digest:
            report.add(Finding("edited", number, sequence, event_id))
        else:
            told.n_kept += 1


def _exists(event_id: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit_auditevent WHERE id = %s)", [event_id])
        (found,) = cursor.fetchone() or (False,)
    return bool(found)


def _verify_rest(report: Report, until: int) -> None:
    """Events, leaves and waiting numbers that belong to no block."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.sequence, e.id::text FROM audit_auditevent e LEFT JOIN audit_leaf l USING (sequence) "
            "LEFT JOIN audit_pendingevent q USING (sequence) "
            "WHERE q.sequence IS NULL AND (l.sequence IS NULL OR l.block > %s) ORDER BY 1",
            [until],
        )
        for sequence, event_id in cursor.fetchall():
            report.add(Finding("inserted", None, sequence, event_id))
        cursor.execute(
            "SELECT q.sequence, e.sequence IS NULL, l.sequence IS NOT NULL FROM audit_pendingevent q "
            "LEFT JOIN audit_auditevent e USING (sequence) LEFT JOIN audit_leaf l USING (sequence) ORDER BY 1"
        )
        for sequence, is_gone, is_sealed in cursor.fetchall():
            report.n_waiting += 1
            if is_gone or is_sealed:
                report.add(Finding("deleted" if is_gone else "inserted", None, sequence))
