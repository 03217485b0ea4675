"""Whatever the OpenAPI document allows or forbids is sent, by every role: no answer is 5xx, none is undocumented.

Schemathesis makes the requests; the client holds each answer against the document (status, type, content, headers).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.cases.models import Case
from apps.registry.models import ModelVersion
from tests.api.contract import ContractClient, document
from tests.conftest import MARFAN, MARFAN_FINDINGS
from tests.permissions.house import ANONYMOUS

pytestmark = pytest.mark.django_db

_ROLES = (ANONYMOUS, *Role.values)
_CLINICAL = {Role.CLINICIAN.value, Role.INTEGRATOR.value}
Real = dict[str, Any]


@pytest.fixture
def senders(
    monkeypatch: pytest.MonkeyPatch,
    active_model: ModelVersion,
    user_of: Callable[..., User],
    case_of: Callable[..., Case],
    token_of: Callable[..., Any],
) -> dict[str, tuple[ContractClient, Real]]:
    """A client of each role, and ids of real things, his own where he may have any."""
    monkeypatch.setattr("apps.accounts.throttling.CallerThrottle.THROTTLE_RATES", {"caller": "1000000/min"})

    def sender(role: str) -> tuple[ContractClient, Real]:
        client = ContractClient(raise_request_exception=False)
        user = None if role == ANONYMOUS else user_of(role)
        owner = user if user and role in _CLINICAL else user_of(Role.CLINICIAN)
        case = case_of(owner)
        client.credentials(HTTP_AUTHORIZATION=f"Token {token_of(owner)[1]}")
        prediction = client.post("/api/v1/predictions/", {"case": str(case.pk)}).json()["id"]
        client.credentials(**({"HTTP_AUTHORIZATION": f"Token {token_of(user)[1]}"} if user else {}))
        return client, {
            "case_id": case.pk,
            "case": str(case.pk),
            "prediction_id": UUID(prediction),
            "prediction": prediction,
            "disease_id": MARFAN,
            "diagnosis": MARFAN,
            "term_id": MARFAN_FINDINGS[0],
            "number": active_model.number,
        }

    return {role: sender(role) for role in _ROLES}


def operations() -> Iterator[Any]:
    """Every operation of the OpenAPI document."""
    for result in schemathesis.openapi.from_dict(document()).get_all_operations():
        yield result.ok()


def fuzz(senders: dict[str, tuple[ContractClient, Real]], examples: int) -> Counter[tuple[str, int]]:
    """Send `examples` requests of each operation, mode and role: how often each role got each status."""
    answers: Counter[tuple[str, int]] = Counter()
    for operation in operations():
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            try:
                strategy = operation.as_strategy(generation_mode=mode)
                for role, (client, real) in senders.items():
                    _try_all(strategy, client, real, examples, role, answers)
            except Unsatisfiable:
                continue  # the operation takes nothing that could be wrong
    return answers


def _try_all(
    strategy: Any, client: ContractClient, real: Real, examples: int, role: str, answers: Counter[Any]
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy, with_real_ids=st.booleans())
    def send(case: Any, with_real_ids: bool) -> None:
        status = _send(client, case, real if with_real_ids else {})
        assert status < 500, (role, case.method, case.formatted_path, case.body)
        answers[role, status] += 1

    send()


def _send(client: ContractClient, case: Any, real: Real) -> int:
    for name in (case.path_parameters or {}).keys() & real.keys():
        case.path_parameters[name] = real[name]
    body = case.body
    if isinstance(body, dict):
        body = {name: real.get(name, value) for name, value in body.items()}
    if isinstance(body, schemathesis.core.NotSet):
        body = b""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": str(value)
        for name, value in (case.headers or {}).items()
        if name.lower() not in {"authorization", "content-type", "content-length"}
    }
    return client.generic(
        case.method,
        case.formatted_path,
        raw,
        content_type="application/json",
        query_params={name: value for name, value in (case.query or {}).items() if value is not None},
        **headers,
    ).status_code


def _say(answers: Counter[tuple[str, int]]) -> int:
    total = answers.total()
    statuses: Counter[int] = Counter()
    for (_role, status), count in answers.items():
        statuses[status] += count
    print(
        f"{total} requests by {len(_ROLES)} roles: 0 of 5xx, 0 undocumented; {dict(sorted(statuses.items()))}"
    )
    return total


def test_some_hundred_requests(senders: dict[str, tuple[ContractClient, Real]]) -> None:
    answers = fuzz(senders, 2)
    assert _say(answers) >= 400
    assert {role for role, _status in answers} == set(_ROLES)
    assert {200, 401, 404, 422} <= {status for _role, status in answers}


@pytest.mark.slow
def test_ten_thousand_requests(senders: dict[str, tuple[ContractClient, Real]]) -> None:
    assert _say(fuzz(senders, 60)) >= 10_000
