"""Reading what watching the running model found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.actors import Actor
from apps.core.capabilities import Capability
from apps.core.jobs import UNFINISHED
from apps.core.problems import Denied
from apps.lifecycle.models import FiredTrigger, MonitoringCheck, MonitoringPolicy, MonitoringReport
from apps.registry.models import ModelVersion
from apps.registry.selectors import active_model
from ml.monitoring.checks import ALARM


@dataclass(frozen=True, slots=True)
class StandingAlarm:
    """A check that alarms since the report of `since`; name and moment together are the episode."""

    name: str
    since: str
    reason: str
    report: MonitoringReport

    @property
    def family(self) -> str:
        return family_of(self.name)

    @property
    def episode(self) -> str:
        return f"{self.name} since {self.since}"


def family_of(name: str) -> str:
    """drift, quality, outcomes, staleness, skew or service."""
    return name.partition(":")[0]


def current_policy() -> MonitoringPolicy:
    """What holds now."""
    return MonitoringPolicy.objects.first() or MonitoringPolicy()


def list_reports(*, actor: Actor) -> QuerySet[MonitoringReport]:
    """All reports, newest first; models belong to the installation, and so does what was found of them."""
    if not actor.can(Capability.MODEL_READ):
        return MonitoringReport.objects.none()
    return MonitoringReport.objects.select_related("model").order_by("-id")


def get_report(*, actor: Actor, report_id: UUID) -> MonitoringReport:
    """One report; raises Denied when there is none."""
    report = list_reports(actor=actor).filter(pk=report_id).first()
    if report is None:
        raise Denied("model.read", "report", (report_id,))
    return report


def trends_of(*, report: MonitoringReport, n: int) -> dict[str, list[float]]:
    """The figures of each check in the last `n` reports of the same model up to `report`, oldest first."""
    rows = MonitoringReport.objects.filter(model_id=report.model_id, pk__lte=report.pk).order_by("-id")
    figures: dict[str, list[float]] = {}
    for checks in list(rows.values_list("checks", flat=True)[:n])[::-1]:
        for check in checks:
            if check["figure"] is not None:
                figures.setdefault(check["name"], []).append(check["figure"])
    return figures


def list_triggers(*, actor: Actor) -> QuerySet[FiredTrigger]:
    """Why experiments were started by themselves, newest first."""
    if not actor.can(Capability.MODEL_READ):
        return FiredTrigger.objects.none()
    return FiredTrigger.objects.select_related("report", "experiment")


def latest_check(*, actor: Actor) -> MonitoringCheck | None:
    """The check that is under way, or the last one."""
    return MonitoringCheck.objects.first() if actor.can(Capability.MODEL_READ) else None


def unfinished_checks() -> QuerySet[MonitoringCheck]:
    """Checks that wait, or whose worker may have died."""
    return MonitoringCheck.objects.filter(state__in=UNFINISHED)


def latest_report(*, model: ModelVersion | None) -> MonitoringReport | None:
    """The last report of a model."""
    return MonitoringReport.objects.filter(model=model).order_by("-id").first() if model else None


def standing_alarms() -> list[StandingAlarm]:
    """What alarms now of the running model, for the loop and for those who are told.

    A check that had too little evidence since keeps its alarm until it could be judged again.
    """
    report = latest_report(model=active_model())
    return [] if report is None else alarms_in(report)


def alarms_in(report: MonitoringReport) -> list[StandingAlarm]:
    """The alarms that stand in a report."""
    return [
        StandingAlarm(check["name"], check["since"], check["reason"], report)
        for check in report.checks
        if check["since"]
    ]


def beginnings(*, previous: MonitoringReport | None) -> dict[str, str]:
    """When each alarm that stood in the report before began, by the name of its check."""
    return {} if previous is None else {alarm.name: alarm.since for alarm in alarms_in(previous)}


def with_beginning(check: dict[str, Any], began: dict[str, str], now: datetime) -> dict[str, Any]:
    """The check with the moment since when it alarms; None where it does not."""
    before = began.get(check["name"])
    if check["verdict"] == ALARM:
        return check | {"since": before or now.isoformat(timespec="milliseconds")}
    return check | {"since": before if check["verdict"] != "ok" else None}
