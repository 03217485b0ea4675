"""Whatever is sent, the server answers; it never fails, and never says something that is not documented."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.predictions.models import Prediction
from tests.api.conftest import CASES, FEEDBACK, PREDICTIONS
from tests.api.contract import ContractClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

# One database transaction holds all examples of a test; that is what is wanted here.
relaxed = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)

texts = st.text(max_size=30) | st.sampled_from(
    ["", "\0", "HP:0001166", "\ud800", "P20Y", "female", "%s", "🐎" * 9]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)
)
term_ids = st.from_regex(r"HP:\d{7}", fullmatch=True) | st.sampled_from(
    ["HP:0001166", "HP:0001505", "HP:0000118", "HP:0000005", "HP:0001083", "hp:0001166", "HP:٠٠٠١١٦٦"]
)
ages = st.from_regex(r"-?P(\d{1,4}Y)?(\d{1,4}M)?(\d{1,4}D)?", fullmatch=True) | texts
bodies = st.fixed_dictionaries(
    {},
    optional={
        "findings": st.fixed_dictionaries(
            {},
            optional={
                "present": st.lists(term_ids | texts, max_size=6) | anything,
                "absent": st.lists(term_ids, max_size=6) | anything,
            },
        )
        | anything,
        "sex": st.sampled_from(["female", "male", "other", "unknown", "F", None]) | anything,
        "age": ages | anything,
        "case": st.uuids().map(str) | anything,
        "pseudonym": texts | anything,
        "consent": anything,
        "prediction": st.uuids().map(str) | anything,
        "diagnosis": anything,
        "none_of_these": anything,
    },
)


@pytest.fixture
def sending(
    api: Callable[..., ContractClient], clinician: User, monkeypatch: pytest.MonkeyPatch
) -> ContractClient:
    monkeypatch.setattr("apps.accounts.throttling.CallerThrottle.THROTTLE_RATES", {"caller": "100000/min"})
    return api(clinician)


def send(client: ContractClient, path: str, body: Any) -> int:
    raw = json.dumps(body).encode()
    status = client.generic("POST", path, raw, content_type="application/json").status_code
    assert status < 500
    return status


@relaxed
@given(body=bodies | anything)
def test_any_prediction_body_is_answered(sending: ContractClient, body: Any) -> None:
    before = Prediction.objects.count()
    status = send(sending, PREDICTIONS, body)
    assert Prediction.objects.count() - before == (1 if status == 201 else 0)


@relaxed
@given(body=bodies | anything)
def test_any_case_body_is_answered(sending: ContractClient, body: Any) -> None:
    send(sending, CASES, body)


@relaxed
@given(body=bodies | anything)
def test_any_feedback_body_is_answered(sending: ContractClient, body: Any) -> None:
    send(sending, FEEDBACK, body)


@settings(relaxed, max_examples=60)
@given(
    body=st.fixed_dictionaries(
        {}, optional={"text": texts | st.text(max_size=300) | anything, "language": texts | anything}
    )
)
def test_any_note_is_answered(sending: ContractClient, body: Any) -> None:
    send(sending, "/api/v1/notes/findings/", body)


@settings(relaxed, max_examples=60)
@given(
    body=bodies,
    more=st.fixed_dictionaries(
        {},
        optional={
            "limit": st.integers() | anything,
            "unknown": st.lists(term_ids | texts, max_size=4) | anything,
            "costs": st.dictionaries(term_ids, st.floats(allow_nan=False)) | anything,
            "prior": st.sampled_from(["prevalence", "clinic", "x" * 50]) | anything,
        },
    ),
)
def test_any_question_body_is_answered(sending: ContractClient, body: Any, more: Any) -> None:
    send(sending, f"{PREDICTIONS}ask-next/", body | more)


@relaxed
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_answered(sending: ContractClient, raw: bytes) -> None:
    response = sending.generic("POST", PREDICTIONS, raw, content_type="application/json")
    assert response.status_code in {400, 422}


@relaxed
@given(
    path=st.sampled_from(["predictions", "cases", "feedback", "terms", "diseases", "models"]),
    query=st.dictionaries(
        st.sampled_from(
            [
                "q",
                "limit",
                "before",
                "after",
                "case",
                "model",
                "created_after",
                "created_before",
                "sex",
                "outcome",
                "x",
            ]
        ),
        st.text(max_size=20) | st.uuids().map(str) | st.integers().map(str),
        max_size=4,
    ),
)
def test_any_query_is_answered(sending: ContractClient, path: str, query: dict[str, str]) -> None:
    assert sending.get(f"/api/v1/{path}/", query).status_code in {200, 422}


@relaxed
@given(
    path=st.sampled_from(["predictions/{}/", "cases/{}/", "terms/{}/", "diseases/{}/", "models/{}/"]),
    name=st.text(min_size=1, max_size=20) | st.uuids().map(str) | st.integers().map(str) | term_ids,
)
def test_any_path_is_answered(sending: ContractClient, path: str, name: str) -> None:
    address = "/api/v1/" + path.format(quote(name, safe=""))
    assert sending.get(address).status_code in {200, 308, 404}
