"""One organisation with a person of each role, real things for the addresses that take an id, and real requests."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.accounts.actors import SYSTEM, Actor
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.roles import Role
from apps.accounts.selectors import PROGRAM_SCOPES, get_actor, grantable_scopes
from apps.audit.models import AuditEvent
from apps.audit.sealing import seal_block
from apps.audit.services import record_event
from apps.cases.models import Case, EmergencyAccess, Hold
from apps.cases.services import record_outcome
from apps.core.identifiers import uuid7
from apps.core.jobs import JobState
from apps.datasets.models import DatasetVersion, DataSource, Ingestion, MappingDraft, MappingProposal
from apps.lifecycle.models import Experiment, MonitoringReport
from apps.oauth import models as oauth
from apps.predictions.models import Prediction
from apps.predictions.services import predict_case
from apps.privacy.models import AccessArchive, Erasure, ResearchExport
from apps.registry.gates import record_gates
from apps.registry.models import ModelVersion, Proposal
from config.checks import endpoints
from tests.conftest import MARFAN, MARFAN_FINDINGS, PASSWORD, signed_in

ANONYMOUS = "anonymous"
ROLES = (ANONYMOUS, *Role.values)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_CLINICAL = (Role.CLINICIAN.value, Role.INTEGRATOR.value)
# Django admin has addresses without a name; their pattern names them.
ROUTES = {
    (name if not name.endswith(":") else f"{name}{route}"): (name, route, view)
    for name, route, view in endpoints()
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a role: how he calls, and the things that addresses may ask him for by id."""

    user: User | None
    secret: str
    organisation: Organisation
    case: Case
    prediction: Prediction
    erasure: Erasure
    archive: AccessArchive
    export: ResearchExport
    token: ApiToken
    access: EmergencyAccess
    hold: Hold
    colleague: User
    program: oauth.Client
    model_number: int
    proposal: Proposal
    experiment: Experiment
    code: MappingProposal
    ingestion: Ingestion
    report: MonitoringReport
    cookies: SimpleCookie
    client: Client

    def call(self, name: str, route: str, method: str) -> Any:
        """The answer to a request that is made for real: with his token below /api/, with a session elsewhere."""
        client = self.client
        client.cookies = SimpleCookie()
        content = BODIES.get((name, method), _nothing)(self)
        if route.startswith("api/"):
            headers = {"HTTP_AUTHORIZATION": f"Token {self.secret}"} if self.user else {}
            if method == "GET":
                return client.get(self.address(route), content, **headers)
            return client.generic(
                method, self.address(route), json.dumps(content), content_type="application/json", **headers
            )
        client.cookies = SimpleCookie({name: morsel.value for name, morsel in self.cookies.items()})
        return getattr(client, method.lower())(self.address(route), content)

    def asks_for(self, name: str, route: str, method: str) -> str:
        """What such a request says: its address and its content."""
        return f"{self.address(route)} {BODIES.get((name, method), _nothing)(self)}"

    def address(self, route: str) -> str:
        """The route with the ids of what belongs to the caller, or of what he must not see."""
        model = re.match(r"admin/\w+/(\w+)/", route)
        values = {
            "case_id": self.case.pk,
            "prediction_id": self.prediction.pk,
            "access_id": self.access.pk,
            "hold_id": self.hold.pk,
            "patient_id": self.case.patient_id,
            "erasure_id": self.erasure.pk,
            "archive_id": self.archive.pk,
            "export_id": self.export.pk,
            "event_id": self._event_id() if "<uuid:event_id>" in route else None,
            "token_id": self.token.public_id,
            "factor_id": 1,
            "client_id": self.program.public_id,
            "disease_id": MARFAN,
            "term_id": MARFAN_FINDINGS[0],
            "number": self.model_number,
            "proposal_id": self.proposal.pk,
            "experiment_id": self.experiment.pk,
            "plot": "accuracy",
            "source_id": self.ingestion.source_id,
            "ingestion_id": self.ingestion.pk,
            "version_id": self.ingestion.version_id,
            "draft_id": self.code.draft_id,
            "code_id": self.code.pk,
            "report_id": self.report.pk,
            "id": self.colleague.pk,
            "content_type_id": 1,
            "object_id": self._admin_object(model.group(1)) if model else 1,
            "app_label": "accounts",
            "url": "nothing",
        }
        route = re.sub(r"^(.*?)\^", r"\1", route).removesuffix("$")
        route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route)
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: quote(str(values[found.group(1)])), route)

    def _event_id(self) -> Any:
        events = AuditEvent.objects.filter(organisation_id=self.organisation.pk)
        return events.order_by("sequence").values_list("id", flat=True).first()

    def _admin_object(self, model: str) -> Any:
        if model == "group":
            return Group.objects.order_by("pk").values_list("pk", flat=True).first()
        objects = {
            "user": self.colleague.pk,
            "organisation": self.organisation.pk,
            "apitoken": self.token.pk,
            "datasource": self.ingestion.source_id,
            "monitoringpolicy": 1,
        }
        return objects.get(model, 1)


def methods_of(view: Any) -> Iterable[str]:
    """The methods that a view's class has; of a function nothing is known, so each is tried."""
    allowed = getattr(view, "http_method_names", [])
    return [method for method in METHODS if method.lower() in allowed and hasattr(view, method.lower())]


def tried_methods(route: str) -> list[str]:
    """Those that the view has; of a function nothing is known."""
    return list(methods_of(ROUTES[route][2])) or ["GET", "POST"]


def is_crawled(route: str, method: str, role: str) -> bool:
    """Whether tests/promises/test_every_access.py tries it, and looks at its status on the way."""
    # Nobody else comes so far into the administration that the method matters.
    is_told_apart = not route.startswith("admin:") or method == "GET" or role == Role.ADMINISTRATOR
    return is_told_apart and method in tried_methods(route)


def emergency_of(case: Case) -> EmergencyAccess:
    """An emergency access to the patient of `case` by whoever entered it, which waits for its review."""
    access = EmergencyAccess(
        organisation_id=case.organisation_id,
        patient=case.patient,
        user=case.created_by,
        expires_at=timezone.now(),
    )
    access.reason = "unconscious in the ambulance"
    access.save(force_insert=True)
    return access


def hold_of(case: Case) -> Hold:
    """A legal hold on the patient of `case` by whoever entered it."""
    hold = Hold(
        organisation_id=case.organisation_id,
        patient=case.patient,
        kind=Hold.Kind.LEGAL,
        placed_by=case.created_by,
    )
    hold.reason = "a lawsuit is pending"
    hold.save(force_insert=True)
    return hold


def past_erasure(organisation: Organisation) -> Erasure:
    """The receipt of somebody who was erased long ago."""
    return Erasure.objects.create(
        organisation=organisation,
        patient_id=uuid7(),
        reason=Erasure.Reason.OBJECTION,
        state=JobState.SUCCEEDED,
        finished_at=timezone.now(),
    )


def archive_of(case: Case) -> AccessArchive:
    """An archive of the patient's data that can be downloaded for a day."""
    archive = AccessArchive(
        organisation_id=case.organisation_id,
        patient=case.patient,
        requested_by_id=case.created_by_id,
        state=JobState.SUCCEEDED,
        finished_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=1),
    )
    archive.content = b"a zip"
    archive.save(force_insert=True)
    return archive


def export_of(organisation: Organisation) -> ResearchExport:
    """An export for research of nobody's cases that can be downloaded for a day."""
    export = ResearchExport.objects.create(
        organisation=organisation,
        study="a study of nobody",
        k=11,
        small_cells=ResearchExport.SmallCells.WITHHOLD,
        content=b"a zip",
        state=JobState.SUCCEEDED,
        finished_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=1),
    )
    record_event(actor=SYSTEM, action="research.create", object_type="research", object_ids=[export.pk])
    return export


def proposal_of(model: ModelVersion) -> Proposal:
    """Somebody's proposal, which waits for a decision."""
    gates = [{"name": "accuracy", "figure": 1, "threshold": 0, "verdict": "passed", "reason": "measured"}]
    report = record_gates(actor=SYSTEM, model=model, results=gates)
    return Proposal.objects.create(
        model=model, gates=report, proposed_by_id=uuid7(), reason="it is better than the others"
    )


def experiment_of(model: ModelVersion) -> Experiment:
    """One that has ended, without files."""
    return Experiment.objects.create(model=model, state=JobState.SUCCEEDED)


def ingestion_of_nothing() -> Ingestion:
    """What became of a source without cases: a quarantined version, and a report."""
    number = DataSource.objects.count()
    source = DataSource.objects.create(name=f"Source {number}", kind="files")
    version = DatasetVersion.objects.create(
        content_hash=f"{number:064}", path="nowhere.jsonl.gz", n_cases=0, state="quarantined", source=source
    )
    empty = {"files": {}, "n_rows": 0, "n_used": 0, "codes": {}, "statistics": {}, "quarantine": ["no case"]}
    return Ingestion.objects.create(
        source=source, version=version, state=JobState.SUCCEEDED, summary=empty | {"counts": {}}
    )


def code_of(source: DataSource) -> MappingProposal:
    """A code of a sample of the source, which waits for a decision."""
    layout = {"number": {"role": "id"}, "said": {"role": "codes", "separator": ";"}}
    draft = MappingDraft.objects.create(source=source, state=JobState.SUCCEEDED, layout=layout)
    return MappingProposal.objects.create(draft=draft, kind="finding", code="tall", n_records=1)


def report_of(model: ModelVersion) -> MonitoringReport:
    """What watching the model found when there was next to nothing to see."""
    check = {"name": "drift: ages", "verdict": "alarm", "figure": 0.3, "threshold": 0.1, "since": "2026-01-01",
             "reason": "ages: median 45, 20 in the reference"}  # fmt: skip
    quality = {"group": "everybody", "n": 3, "top_1": None, "top_10": None, "calibration": None}
    return MonitoringReport.objects.create(
        model=model, verdict="alarm", n_current=120, n_reference=400, n_outcomes=3, n_refused=0, n_failed=0,
        checks=[check], quality=[quality],
    )  # fmt: skip


def program_of(organisation: Organisation, user: User | None) -> oauth.Client:
    """An OAuth client that may act for everybody, and does for `user`."""
    program = oauth.Client.objects.create(
        name="Patient record",
        organisation=organisation,
        scopes=[str(scope) for scope in PROGRAM_SCOPES],
        redirect_uris="https://ehr.example/callback",
        client_type=oauth.Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=oauth.Client.GRANT_AUTHORIZATION_CODE,
    )
    if user is not None:
        held = {"application": program, "user": user, "token": f"{program.public_id}"}
        oauth.RefreshToken.objects.create(**held)
    return program


def asked_for(program: oauth.Client) -> dict[str, str]:
    """What a client's way to the consent names."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"verifier" * 8).digest()).rstrip(b"=").decode()
    return {
        "response_type": "code",
        "client_id": program.client_id,
        "redirect_uri": program.redirect_uris,
        "scope": " ".join(program.scopes),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def session_of(user: User | None) -> SimpleCookie:
    """The cookies of somebody who is signed in, or of nobody."""
    client = Client()
    if user is not None:
        signed_in(client, user)
    return client.cookies


@pytest.fixture
def callers(
    active_model: ModelVersion,
    organisation: Organisation,
    user_of: Callable[..., User],
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    token_of: Callable[..., tuple[ApiToken, str]],
) -> dict[str, Caller]:
    """Clinicians and integrators have a case of their own; everybody else is asked for a colleague's."""
    colleague = user_of(Role.CLINICIAN)
    # One for all, because a client's first request sets the whole site up.
    client = Client(raise_request_exception=False)

    def caller(user: User | None, owner: User) -> Caller:
        case = case_of(owner, consents={"care": True, "training": True})
        token, secret = token_of(user or colleague)
        return Caller(
            user=user,
            secret=secret,
            organisation=organisation,
            case=case,
            prediction=predict_case(actor=actor_of(owner), case_id=case.pk),
            erasure=past_erasure(organisation),
            archive=archive_of(case),
            export=export_of(organisation),
            token=token,
            access=emergency_of(case),
            hold=hold_of(case_of(owner)),
            colleague=colleague,
            program=program_of(organisation, user),
            model_number=active_model.number,
            proposal=proposal,
            experiment=experiment,
            code=code,
            ingestion=ingestion,
            report=report,
            cookies=session_of(user),
            client=client,
        )

    proposal, experiment = proposal_of(active_model), experiment_of(active_model)
    ingestion = ingestion_of_nothing()
    code = code_of(ingestion.source)
    report = report_of(active_model)
    made = {ANONYMOUS: caller(None, colleague)}
    # A retraining needs something to learn from.
    record_outcome(actor=actor_of(colleague), case_id=made[ANONYMOUS].case.pk, disease_id=MARFAN)
    for role in Role.values:
        user = user_of(role)
        made[role] = caller(user, user if role in _CLINICAL else colleague)
    # What is sealed can be proven.
    while seal_block():
        pass
    return made


def _scopes(caller: Caller) -> list[str]:
    """What the caller may let a token do."""
    return grantable_scopes(actor=get_actor(user=caller.user)) if caller.user else []


def _a_source() -> dict[str, Any]:
    return {"name": "another source", "kind": "files", "format": "records", "error_budget": "0.05"}


def _nothing(_caller: Caller) -> dict[str, Any]:
    return {}


# What a request needs beside its address, so that it is the permission alone that decides.
BODIES: dict[tuple[str, str], Callable[[Caller], dict[str, Any]]] = {
    ("set-language", "POST"): lambda caller: {"language": "es"},
    ("accounts:sign-in", "POST"): lambda caller: {
        "username": caller.colleague.username,
        "password": PASSWORD,
    },
    ("accounts:account", "POST"): lambda caller: {
        "name": "laboratory",
        "days": 30,
        "scopes": _scopes(caller),
    },
    ("accounts:confirm", "POST"): lambda caller: {"password": PASSWORD},
    ("accounts:password", "POST"): lambda caller: {
        "old_password": PASSWORD,
        "new_password1": "another-long-password-7",
        "new_password2": "another-long-password-7",
    },
    ("oauth:authorize", "GET"): lambda caller: asked_for(caller.program),
    ("oauth:authorize", "POST"): lambda caller: asked_for(caller.program) | {"answer": "allow"},
    ("oauth:token", "POST"): lambda caller: {"grant_type": "client_credentials"},
    ("oauth:clients", "POST"): lambda caller: {
        "name": "Patient record",
        "kind": "web",
        "redirect_uris": "https://ehr.example/callback",
        "scopes": ["case.read"],
    },
    ("cases:new", "POST"): lambda caller: {
        "pseudonym": "permitted",
        "sex": "female",
        "finding": MARFAN_FINDINGS[0],
    },
    ("cases:edit", "POST"): lambda caller: {"age_number": 21, "age_unit": "Y", "sex": "female"},
    ("cases:person", "POST"): lambda caller: {"name": "Ada Example", "identifier": "4711"},
    ("cases:consent", "POST"): lambda caller: {
        "purpose": "training",
        "given": "yes",
        "channel": "oral",
    },
    ("cases:share", "POST"): lambda caller: {"user": str(caller.colleague.pk)},
    ("cases:emergency", "POST"): lambda caller: {
        "patient": caller.case.patient.pseudonym,
        "reason": "unconscious in the ambulance",
    },
    ("privacy:access-reports", "POST"): lambda caller: {"text": caller.case.patient.pseudonym},
    ("cases:review-emergency", "POST"): lambda caller: {"verdict": "justified"},
    ("api:emergencies", "POST"): lambda caller: {
        "patient": caller.case.patient.pseudonym,
        "reason": "unconscious in the ambulance",
        "password": PASSWORD,
    },
    ("api:review-emergency", "POST"): lambda caller: {"justified": True},
    ("predictions:set-finding", "POST"): lambda caller: {"finding": "HP:0000098", "state": "present"},
    ("predictions:remove-finding", "POST"): lambda caller: {"finding": MARFAN_FINDINGS[0]},
    ("predictions:read-note", "POST"): lambda caller: {"note": "Ectopia lentis."},
    ("predictions:take-findings", "POST"): lambda caller: {"finding": MARFAN_FINDINGS[1]},
    ("predictions:read-packet", "POST"): lambda caller: {
        "packet": SimpleUploadedFile("packet.json", b'{"id": "P-1"}', "application/json")
    },
    ("predictions:take-packet", "POST"): lambda caller: {"present": MARFAN_FINDINGS[1]},
    ("privacy:patient-holds", "POST"): lambda caller: {
        "kind": "restriction",
        "reason": "he contests what is recorded",
    },
    ("privacy:holds", "POST"): lambda caller: {"text": caller.case.patient.pseudonym},
    ("privacy:lift-hold", "POST"): lambda caller: {"lift_reason": "the lawsuit has ended"},
    ("privacy:limits", "POST"): lambda caller: {"case_days": "4000", "prediction_days": "4000"},
    ("privacy:research", "POST"): lambda caller: {
        "study": "a study of lenses",
        "k": 11,
        "small_cells": "withhold",
    },
    ("privacy:erase", "POST"): lambda caller: {"reason": "objection", "confirmed": "on"},
    ("lifecycle:new-experiment", "POST"): lambda caller: {"trials": 0, "folds": 2, "seed": 0},
    ("datasets:add-source", "POST"): lambda caller: _a_source(),
    ("datasets:change-source", "POST"): lambda caller: _a_source(),
    ("datasets:ingest", "POST"): lambda caller: {"upload": SimpleUploadedFile("visits.csv", b"number")},
    ("datasets:sample", "POST"): lambda caller: {"upload": SimpleUploadedFile("visits.csv", b"number")},
    ("datasets:decide", "POST"): lambda caller: {"verdict": "reject", "reason": "nothing is in it at all"},
    ("datasets:code", "POST"): lambda caller: {"none": "1", "relation": "skos:exactMatch"},
    ("lifecycle:propose", "POST"): lambda caller: {"share": 100, "reason": "it is better than the others"},
    ("lifecycle:decide", "POST"): lambda caller: {"verdict": "reject", "reason": "not yet, look again"},
    ("lifecycle:begin-shadow", "POST"): lambda caller: {"reason": "to see how it would do"},
    ("lifecycle:end-shadow", "POST"): lambda caller: {"reason": "enough was scored by now"},
    ("lifecycle:roll-back", "POST"): lambda caller: {"number": 1, "reason": "it gives wrong answers"},
    ("lifecycle:end-canary", "POST"): lambda caller: {"reason": "it gives wrong answers"},
    ("lifecycle:stop", "POST"): lambda caller: {"reason": "it gives wrong answers"},
    ("lifecycle:resume", "POST"): lambda caller: {"reason": "it gives right answers"},
    ("predictions:priors", "POST"): lambda caller: {"act": "default", "prior": "uniform"},
    ("api:priors", "PUT"): lambda caller: {"prior": "uniform"},
    ("api:case-mix", "PUT"): lambda caller: {"counts": {MARFAN: 3}},
    ("api:note-findings", "POST"): lambda caller: {"text": "Ectopia lentis."},
    ("predictions:answer", "POST"): lambda caller: {"finding": "HP:0000098", "answer": "absent"},
    ("predictions:ask-again", "POST"): lambda caller: {"finding": "HP:0000098"},
    ("api:ask-next", "POST"): lambda caller: {"case": str(caller.case.pk)},
    ("predictions:outcome", "POST"): lambda caller: {"outcome": "none"},
    ("api:terms", "GET"): lambda caller: {"q": "fingers"},
    ("api:diseases", "GET"): lambda caller: {"q": "marfan"},
    ("api:predictions", "POST"): lambda caller: {"case": str(caller.case.pk)},
    ("api:cases", "POST"): lambda caller: {"pseudonym": "permitted"},
    ("api:case-consents", "POST"): lambda caller: {
        "purpose": "training",
        "given": True,
        "channel": "oral",
    },
    ("api:case", "PATCH"): lambda caller: {"age": "P21Y"},
    ("api:case-person", "PATCH"): lambda caller: {"name": "Ada Example"},
    ("api:feedback", "POST"): lambda caller: {"prediction": str(caller.prediction.pk), "diagnosis": MARFAN},
}
