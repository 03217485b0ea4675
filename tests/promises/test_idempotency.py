"""One key, one act: a POST of the API that is sent again is answered as before and does nothing twice."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.actors import Actor
from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.audit.models import AuditEvent
from apps.cases.emergency import open_emergency
from apps.cases.models import Case
from apps.core.models import AnsweredRequest
from apps.core.problems import Unavailable
from apps.core.tasks import forget_answers
from apps.predictions.models import Feedback, Prediction
from config.checks import endpoints
from tests.api.contract import ContractClient
from tests.conftest import MARFAN, MARFAN_FINDINGS, PASSWORD
from tests.permissions.test_matrix import methods_of

PREDICTIONS = "/api/v1/predictions/"
BODY = {"findings": {"present": list(MARFAN_FINDINGS)}, "sex": "female", "age": "P20Y"}
KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def client(token_of: Callable[..., Any], clinician: User) -> ContractClient:
    return client_of(token_of(clinician)[1])


def client_of(secret: str) -> ContractClient:
    made = ContractClient(raise_request_exception=False)
    made.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return made


def post(client: ContractClient, body: Any, key: str = KEY, address: str = PREDICTIONS, **more: Any) -> Any:
    return client.post(address, body, HTTP_IDEMPOTENCY_KEY=key, **more)


def acts() -> int:
    return AuditEvent.objects.exclude(action__startswith="token.").exclude(action="user.create").count()


@pytest.mark.usefixtures("active_model")
def test_fifty_parallel_posts_with_one_key_give_one_prediction_one_event_and_fifty_equal_answers(
    committed_db: None, client: ContractClient, clinician: User, token_of: Callable[..., Any]
) -> None:
    secret = token_of(clinician)[1]
    before = acts()

    def send(_number: int) -> tuple[int, str, bytes]:
        own = client_of(secret)
        try:
            answer = post(own, BODY)
            return answer.status_code, answer.headers["Location"], answer.content
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(send, range(50)))
    predictions, events = Prediction.objects.count(), acts() - before
    print(
        f"50 parallel posts: {predictions} prediction, {events} event, "
        f"{answers.count(answers[0])} equal answers of status {answers[0][0]}"
    )
    assert (predictions, events, len(set(answers)), answers[0][0]) == (1, 1, 1, 201)
    assert json.loads(answers[0][2])["id"] == str(Prediction.objects.get().pk)


@pytest.mark.usefixtures("db", "active_model")
class TestOneAfterTheOther:
    def test_every_post_of_the_api_is_done_once(
        self,
        client: ContractClient,
        clinician: User,
        user_of: Callable[..., User],
        actor_of: Callable[[User], Actor],
        token_of: Callable[..., Any],
        case_of: Callable[..., Case],
    ) -> None:
        case, unseen, other = (case_of(user) for user in (clinician, *(user_of() for _ in "ab")))
        prediction = client.post(PREDICTIONS, {"case": str(case.pk)}).json()["id"]
        access = open_emergency(
            actor=actor_of(clinician), patient=other.patient.pseudonym, reason="Unconscious"
        )
        officer = client_of(token_of(user_of(Role.PRIVACY_OFFICER))[1])
        bodies = {
            "predictions/": {"case": str(case.pk)},
            "predictions/ask-next/": {"case": str(case.pk)},
            "cases/": {"pseudonym": "once"},
            "cases/<uuid:case_id>/consents/": {"purpose": "care", "given": True, "channel": "oral"},
            "feedback/": {"prediction": prediction, "diagnosis": MARFAN},
            "notes/findings/": {"text": "Tall, with ectopia lentis."},
            "emergencies/": {
                "patient": unseen.patient.pseudonym, "reason": "Unconscious", "password": PASSWORD
            },
            "emergencies/<uuid:access_id>/review/": {"justified": True},
        }  # fmt: skip
        posts = {
            route.removeprefix("api/v1/")
            for name, route, view in endpoints()
            if name.startswith("api:") and "POST" in methods_of(view)
        }
        assert posts - {"schema/", "docs/"} == set(bodies), "say here what is sent to the new operation"
        for number, (route, body) in enumerate(bodies.items()):
            sender = officer if "review" in route else client
            address = f"/api/v1/{route}".replace("<uuid:access_id>", str(access.pk))
            address = address.replace("<uuid:case_id>", str(case.pk))
            first = post(sender, body, f"key-{number}", address)
            assert first.status_code in {200, 201}, first.content
            state = (acts(), Prediction.objects.count(), Case.objects.count(), Feedback.objects.count())
            again = post(sender, body, f'"key-{number}"', address)
            assert (again.status_code, again.content) == (first.status_code, first.content)
            assert again.headers.get("Location") == first.headers.get("Location")
            assert again.headers["Content-Type"] == first.headers["Content-Type"]
            assert state == (
                acts(), Prediction.objects.count(), Case.objects.count(), Feedback.objects.count()
            )  # fmt: skip
        print(f"{len(bodies)} POST operations sent twice: 0 acts done twice, 0 bytes differ")

    def test_another_body_or_address_with_the_same_key_is_422(self, client: ContractClient) -> None:
        assert post(client, BODY).status_code == 201
        for address, body in ((PREDICTIONS, {**BODY, "age": "P21Y"}), (f"{PREDICTIONS}ask-next/", BODY)):
            answer = post(client, body, address=address)
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["code"] == "key_reused"
        assert Prediction.objects.count() == 1

    def test_a_key_is_its_callers_own(
        self,
        client: ContractClient,
        user_of: Callable[..., User],
        token_of: Callable[..., Any],
        other_organisation: Any,
    ) -> None:
        first = post(client, BODY).json()["id"]
        for other in (user_of("clinician"), user_of("clinician", other_organisation)):
            client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(other)[1]}")
            assert post(client, BODY).json()["id"] != first

    def test_what_failed_may_be_repeated(
        self, client: ContractClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert post(client, {**BODY, "age": "tomorrow"}).status_code == 422

        def fail(**_given: Any) -> None:
            raise Unavailable("the trail is full")

        with monkeypatch.context() as broken:
            broken.setattr("apps.predictions.services.record_event", fail)
            assert post(client, BODY).status_code == 503
        assert not Prediction.objects.exists()
        assert not AnsweredRequest.objects.exists()
        assert post(client, BODY).status_code == 201

    @pytest.mark.parametrize("key", ["", " ", '""', '"', 'a"b', "k" * 129, "schl\xfcssel", "a\\b"])
    def test_what_is_no_key_is_400(self, client: ContractClient, key: str) -> None:
        assert post(client, BODY, key).status_code == 400
        assert not Prediction.objects.exists()

    def test_without_the_right_there_is_no_old_answer(self, client: ContractClient, clinician: User) -> None:
        assert post(client, BODY).status_code == 201
        clinician.groups.clear()
        assert post(client, BODY).status_code == 404

    def test_keys_expire_and_are_swept(self, client: ContractClient, settings: Any) -> None:
        first = post(client, BODY).json()["id"]
        post(client, BODY, "another")
        past = timezone.now() - timedelta(hours=settings.IDEMPOTENCY_HOURS, seconds=1)
        AnsweredRequest.objects.update(created_at=past)
        assert post(client, BODY).json()["id"] != first
        forget_answers()
        assert AnsweredRequest.objects.count() == 1
        assert post(client, {**BODY, "sex": "male"}).status_code == 422

    def test_the_table_shows_neither_request_nor_answer(
        self, client: ContractClient, clinician: User, case_of: Callable[..., Case]
    ) -> None:
        post(client, {"pseudonym": "CANARY-77"}, "CANARY-KEY", "/api/v1/cases/")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT row_to_json(a)::text, encode(answer, 'escape') FROM core_answeredrequest a"
            )
            [row] = cursor.fetchall()
        assert "CANARY" not in "".join(row)
        assert len(row[1]) > 100


@pytest.fixture
def other_session(owner_cursor: psycopg.Cursor) -> Iterator[psycopg.Cursor]:
    """A connection in whose transaction rows wait for the end of the test."""
    owner_cursor.connection.autocommit = False
    yield owner_cursor
    owner_cursor.connection.rollback()
    owner_cursor.connection.autocommit = True


@pytest.mark.usefixtures("active_model")
def test_whoever_waits_too_long_is_told_so(
    committed_db: None,
    client: ContractClient,
    other_session: psycopg.Cursor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.core.idempotency._PATIENCE", "50ms")
    assert post(client, BODY).status_code == 201
    # An earlier request that is still at work is another transaction that holds the row.
    other_session.execute("SELECT 1 FROM core_answeredrequest FOR UPDATE")
    assert post(client, BODY).status_code == 409
    assert Prediction.objects.count() == 1
