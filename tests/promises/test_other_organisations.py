"""Every address that takes an id answers 404 to the id of another organisation's thing, and changes no row.

Addresses come from the resolver and bodies from the permission tests, so a new one takes part by itself; one whose id
is of a kind that this test does not know fails it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client

from apps.accounts.actors import Actor
from apps.accounts.models import ApiToken, Organisation, User
from apps.accounts.roles import Role
from apps.cases.models import Case
from apps.datasets.models import Ingestion, MappingProposal
from apps.lifecycle.models import Experiment
from apps.predictions.services import predict_case
from apps.registry.models import ModelVersion, Proposal
from config.checks import endpoints
from tests.permissions.house import (
    BODIES,
    METHODS,
    Caller,
    archive_of,
    code_of,
    emergency_of,
    experiment_of,
    export_of,
    hold_of,
    ingestion_of_nothing,
    past_erasure,
    program_of,
    proposal_of,
    report_of,
    session_of,
)
from tests.permissions.test_matrix import methods_of

pytestmark = pytest.mark.django_db

# Ids of things that belong to an organisation, and of what all share: knowledge and models.
OWNED = {
    "access_id",
    "case_id",
    "prediction_id",
    "token_id",
    "factor_id",
    "patient_id",
    "erasure_id",
    "hold_id",
    "event_id",
    "archive_id",
    "export_id",
    "client_id",
}
SHARED = {
    *("disease_id", "term_id", "number", "proposal_id", "experiment_id", "plot", "report_id"),
    *("source_id", "ingestion_id", "version_id", "draft_id", "code_id"),
}
# Django admin names all its ids alike; these are the kinds that belong to somebody.
OWNED_IN_ADMIN = ("accounts/user/", "accounts/organisation/", "accounts/apitoken/")
# What a refusal may write: its own event with its place in the sealer's queue, the session of whoever asked, and
# when his token was last used.
_WRITTEN_BY_A_REFUSAL = {"audit_auditevent", "audit_pendingevent", "django_session", "accounts_apitoken"}


def parameters(route: str) -> set[str]:
    return set(re.findall(r"<(?:\w+:)?(\w+)>", route))


ROUTES = [(name, route, view) for name, route, view in endpoints() if not name.startswith("admin:")]
ADMIN = [
    (name, route)
    for name, route, _view in endpoints()
    # Addresses without a name only lead on to those that have one.
    if name != "admin:" and route.startswith(tuple(f"admin/{part}" for part in OWNED_IN_ADMIN))
    if parameters(route)
]


def make_caller(
    user: User,
    owner: User,
    model: ModelVersion,
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    token_of: Callable[..., tuple[ApiToken, str]],
) -> Caller:
    case = case_of(owner)
    ingestion = Ingestion.objects.first() or ingestion_of_nothing()
    assert owner.organisation is not None
    # The number that `Caller.call` asks for; here it is the owner's.
    Authenticator.objects.get_or_create(pk=1, user=owner, type=Authenticator.Type.TOTP, defaults={"data": {}})
    return Caller(
        user=user,
        secret=token_of(user)[1],
        organisation=owner.organisation,
        case=case,
        prediction=predict_case(actor=actor_of(owner), case_id=case.pk),
        erasure=past_erasure(owner.organisation),
        archive=archive_of(case),
        export=export_of(owner.organisation),
        token=token_of(owner)[0],
        access=emergency_of(case),
        hold=hold_of(case_of(owner)),
        colleague=owner,
        program=program_of(owner.organisation, owner),
        model_number=model.number,
        proposal=Proposal.objects.first() or proposal_of(model),
        experiment=Experiment.objects.first() or experiment_of(model),
        code=MappingProposal.objects.first() or code_of(ingestion.source),
        ingestion=ingestion,
        report=report_of(model),
        cookies=session_of(user),
        client=Client(raise_request_exception=False),
    )


@pytest.fixture
def strangers(
    active_model: ModelVersion,
    user_of: Callable[..., User],
    other_organisation: Organisation,
    case_of: Callable[..., Case],
    actor_of: Callable[[User], Actor],
    token_of: Callable[..., tuple[ApiToken, str]],
) -> dict[str, Caller]:
    """Somebody of each role who asks for what belongs to a clinician elsewhere."""
    owner = user_of(Role.CLINICIAN, other_organisation)
    return {
        role: make_caller(user_of(role), owner, active_model, case_of, actor_of, token_of)
        for role in Role.values
    }


def changes() -> dict[str, int]:
    """Rows written, changed or deleted by this test's transaction so far, by table; undone ones count as well."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables")
        return {name: count for name, count in cursor.fetchall() if name not in _WRITTEN_BY_A_REFUSAL}


def attempts(caller: Caller) -> Iterator[tuple[str, str, str]]:
    """(name, route, method) of each address that is given an id of an owned thing, in its path or in its body."""
    owned = {str(value) for value in (caller.case.pk, caller.prediction.pk, caller.colleague.pk)}
    for name, route, view in ROUTES:
        for method in methods_of(view):
            body = BODIES.get((name, method), lambda _caller: {})(caller)
            if parameters(route) & OWNED or owned & {str(value) for value in body.values()}:
                yield name, route, method


def test_every_kind_of_id_is_known() -> None:
    kinds = set().union(*(parameters(route) for _name, route, _view in ROUTES))
    assert kinds == OWNED | SHARED, "say whether the new kind of id belongs to an organisation"


def test_everything_of_another_organisation_is_404_and_nothing_changes(strangers: dict[str, Caller]) -> None:
    tried, wrong = 0, []
    for role, caller in strangers.items():
        for name, route, method in attempts(caller):
            before = changes()
            status = caller.call(name, route, method).status_code
            tried += 1
            if status != 404 or changes() != before:
                wrong.append((role, name, method, status, changes().items() - before.items()))
    print(f"{tried} requests for ids of another organisation: {tried - len(wrong)} times 404, 0 rows changed")
    assert tried > 100
    assert wrong == []


def may(user: User | None, name: str) -> bool:
    """Whether Django's permissions grant the act of an admin address ("admin:accounts_user_delete") at all."""
    _site, _colon, act = name.partition(":")
    _app, kind, verb = act.split("_", 2)
    assert user is not None
    return verb not in {"delete", "change"} or user.has_perm(f"accounts.{verb}_{kind}")


def test_the_administration_ends_at_the_organisation(strangers: dict[str, Caller]) -> None:
    caller, wrong, tried = strangers[Role.ADMINISTRATOR], [], 0
    for name, route in ADMIN:
        for method in METHODS:
            before = changes()
            status = caller.call(name, route, method).status_code
            tried += 1
            expected = {404, 405} if may(caller.user, name) else {403, 404, 405}
            if status not in expected or changes() != before:
                wrong.append((name, method, status, changes().items() - before.items()))
    print(
        f"{tried} requests of an administrator for another organisation's accounts: 0 opened, 0 rows changed"
    )
    assert tried > 20
    assert wrong == []


def test_a_colleague_elsewhere_cannot_be_taken_into_a_care_team(
    strangers: dict[str, Caller], case_of: Callable[..., Case]
) -> None:
    caller = strangers[Role.CLINICIAN]
    assert caller.user is not None
    own = replace(caller, case=case_of(caller.user))
    before = changes()
    [(name, route)] = [(name, route) for name, route, _view in ROUTES if name == "cases:share"]
    assert own.call(name, route, "POST").status_code == 404
    assert changes() == before


@pytest.mark.parametrize(
    "address", ["/api/v1/predictions/?case={case}", "/api/v1/feedback/?prediction={prediction}"]
)
def test_a_filter_by_it_finds_nothing(strangers: dict[str, Caller], address: str) -> None:
    caller = strangers[Role.CLINICIAN]
    answer = caller.client.get(
        address.format(case=caller.case.pk, prediction=caller.prediction.pk),
        HTTP_AUTHORIZATION=f"Token {caller.secret}",
    )
    assert answer.json()["results"] == []
