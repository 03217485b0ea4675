"""Bad input gets a clear answer that names what is wrong, and leaves nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.accounts.models import Organisation, User
from apps.cases.models import Case
from apps.predictions.models import Prediction
from tests.api.conftest import BODY, PREDICTIONS, errors_of
from tests.api.contract import ContractClient
from tests.conftest import MARFAN_FINDINGS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]

# Live at HPO release 2025-01-16: an alternative id and an obsolete one, with the terms that stand for them today.
ALTERNATIVE = ("HP:0001505", "HP:0001166")
MANY = [f"HP:{number:07}" for number in range(501)]


def ask(client: ContractClient, present: Any, absent: Any = (), **more: Any) -> Any:
    return client.post(PREDICTIONS, {"findings": {"present": present, "absent": list(absent)}, **more})


def test_an_unknown_finding_is_named_with_near_matches(client: ContractClient) -> None:
    response = ask(client, [MARFAN_FINDINGS[0], "HP:0001167", "HP:9999999"], ["HP:8888888"])
    assert errors_of(response)[-2:] == [
        ("findings.present[2]", "unknown_finding"),
        ("findings.absent[0]", "unknown_finding"),
    ]
    [error] = [e for e in response.json()["errors"] if e["field"] == "findings.present[2]"]
    assert error["value"] == "HP:9999999"
    assert "HP:9999999" in error["detail"]
    assert error["near"]
    assert all(set(match) == {"id", "label"} for match in error["near"])


def test_an_alternative_id_is_replaced_and_said_so(client: ContractClient) -> None:
    answer = ask(client, [ALTERNATIVE[0]]).json()
    assert answer["input"]["present"] == [ALTERNATIVE[1]]
    [notice] = answer["notices"]
    assert (notice["code"], notice["finding"]) == ("replaced", ALTERNATIVE[0])
    assert ALTERNATIVE[1] in notice["detail"]


def test_the_same_finding_twice_counts_once(client: ContractClient) -> None:
    answer = ask(client, ["HP:0001166", "HP:0001166", ALTERNATIVE[0]]).json()
    assert answer["input"]["present"] == ["HP:0001166"]
    assert {notice["code"] for notice in answer["notices"]} >= {"duplicate"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"findings": {"present": ["HP:0001166"], "absent": ["HP:0001166"]}},
            ("findings.absent[0]", "contradictory"),
        ),
        (
            {"findings": {"present": [ALTERNATIVE[0]], "absent": [ALTERNATIVE[1]]}},
            ("findings.absent[0]", "contradictory"),
        ),
        ({"findings": {"present": []}}, ("findings.present", "no_finding")),
        ({"findings": {}}, ("findings.present", "no_finding")),
        ({"findings": {"absent": ["HP:0001166"]}}, ("findings.present", "no_finding")),
        ({"findings": {"present": MANY}}, ("findings", "too_many_findings")),
        ({"findings": {"present": ["long fingers"]}}, ("findings.present[0]", "malformed_id")),
        ({"findings": {"present": ["HP:1166"]}}, ("findings.present[0]", "malformed_id")),
        ({"findings": {"present": [""]}}, ("findings.present[0]", "malformed_id")),
        ({"findings": {"present": ["HP:0000005"]}}, ("findings.present[0]", "not_a_phenotype")),
        ({**BODY, "age": "-P1Y"}, ("age", "invalid_age")),
        ({**BODY, "age": "P131Y"}, ("age", "invalid_age")),
        ({**BODY, "age": "20"}, ("age", "invalid_age")),
        ({**BODY, "age": 20}, ("age", "invalid")),
        ({**BODY, "sex": "F"}, ("sex", "unknown_sex")),
        ({**BODY, "sex": True}, ("sex", "invalid")),
        ({}, ("body", "either_or")),
        ({**BODY, "case": "0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11"}, ("body", "either_or")),
        ({"case": "0198f3b2-7c1e-7d3a-9c54-2f1f0c6f6a11", "sex": "male"}, ("body", "either_or")),
        ({"case": "not an id"}, ("case", "invalid")),
        ({"case": 5}, ("case", "invalid")),
        ({"case": None}, ("case", "null")),
        ({"findings": None}, ("findings", "null")),
        ({"findings": ["HP:0001166"]}, ("findings", "invalid")),
        ({"findings": {"present": "HP:0001166"}}, ("findings.present", "not_a_list")),
        ({"findings": {"present": {"0": "HP:0001166"}}}, ("findings.present", "not_a_list")),
        ({"findings": {"present": [7]}}, ("findings.present[0]", "invalid")),
        ({"findings": {"present": ["HP:0001166", None]}}, ("findings.present[1]", "null")),
        ({"findings": {"present": [["HP:0001166"]]}}, ("findings.present[0]", "invalid")),
        ({"findings": {"present": ["HP:0001166\0"]}}, ("findings.present[0]", "null_characters_not_allowed")),
        ({"findings": {"present": ["HP:0001166"], "abesnt": []}}, ("findings.abesnt", "unknown_member")),
        ({**BODY, "sexe": "female"}, ("sexe", "unknown_member")),
    ],
)
def test_what_is_wrong_is_named(client: ContractClient, body: Any, expected: tuple[str, str]) -> None:
    assert expected in errors_of(client.post(PREDICTIONS, body))
    assert not Prediction.objects.exists()


def test_everything_wrong_is_said_at_once(client: ContractClient) -> None:
    response = ask(client, ["HP:9999999", "x"], ["HP:8888888"], age="P500Y", sex="F")
    assert set(errors_of(response)) == {
        ("findings.present[0]", "unknown_finding"),
        ("findings.present[1]", "malformed_id"),
        ("findings.absent[0]", "unknown_finding"),
        ("age", "invalid_age"),
        ("sex", "unknown_sex"),
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"findings": {"present": ["HP:0001166"]}, "findings": {"present": []}}',
        b'{"findings": {"present": [NaN]}}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"case": ' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "cut short", "no JSON", "a name twice", "NaN", "no UTF-8", "too deep", "a huge number"],
)
def test_what_is_no_json_is_400(client: ContractClient, body: bytes) -> None:
    response = client.generic("POST", PREDICTIONS, body, content_type="application/json")
    assert response.status_code == (422 if body == b"" else 400)
    assert response.json()["detail"]


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"7", b"null", b"true"])
def test_json_that_is_no_object_is_422(client: ContractClient, body: bytes) -> None:
    response = client.generic("POST", PREDICTIONS, body, content_type="application/json")
    assert response.status_code == 422


def test_a_body_over_one_megabyte_is_413(client: ContractClient) -> None:
    response = client.generic("POST", PREDICTIONS, b" " * (1024 * 1024 + 1), content_type="application/json")
    assert response.status_code == 413


def test_a_body_of_unknown_length_is_411(client: ContractClient) -> None:
    response = client.generic("POST", PREDICTIONS, b"", HTTP_TRANSFER_ENCODING="chunked")
    assert response.status_code == 411


def test_a_forgotten_slash_keeps_method_and_body(client: ContractClient) -> None:
    assert client.post(PREDICTIONS.rstrip("/"), BODY).status_code == 308
    assert client.post(PREDICTIONS.rstrip("/"), BODY, follow=True).status_code == 201


def test_a_huge_mistake_gets_a_small_answer(client: ContractClient) -> None:
    for body in (
        {"findings": {"present": [0] * 300_000}},
        {f"m{number}": 0 for number in range(60_000)},
    ):
        response = client.post(PREDICTIONS, body)
        assert response.status_code == 422
        assert len(response.content) < 20_000
    twice = ", ".join(f'"m{number}": 0' for number in range(60_000))
    response = client.generic("POST", PREDICTIONS, f'{{{twice}, "m1": 0}}', content_type="application/json")
    assert response.status_code == 400


def test_another_type_than_json_is_415(client: ContractClient) -> None:
    assert client.generic("POST", PREDICTIONS, b"a=1", content_type="text/plain").status_code == 415
    assert client.post(PREDICTIONS, {"sex": "female"}, format="multipart").status_code == 415


def test_another_answer_than_json_is_406(client: ContractClient) -> None:
    assert client.get(PREDICTIONS, HTTP_ACCEPT="text/html").status_code == 406


def test_a_method_that_is_not_there_is_405(client: ContractClient) -> None:
    response = client.delete(PREDICTIONS)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("address", ["/api/", "/api/v1/", "/api/v2/predictions/", "/api/v1/predictions/17/"])
def test_an_address_that_leads_nowhere_is_404(client: ContractClient, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "9" * 400}, "limit"),
        ({"before": "yesterday"}, "before"),
        ({"after": "\0"}, "after"),
        ({"case": "none"}, "case"),
        ({"model": "99999999999999999999"}, "model"),
        ({"created_after": "soon"}, "created_after"),
        ({"cases": "x"}, "cases"),
    ],
)
def test_a_bad_filter_is_named(client: ContractClient, query: dict[str, str], field: str) -> None:
    assert [found for found, _code in errors_of(client.get(PREDICTIONS, query))] == [field]


def test_another_organisations_case_is_404_and_nothing_happens(
    client: ContractClient,
    user_of: Callable[..., User],
    other_organisation: Organisation,
    case_of: Callable[..., Case],
) -> None:
    case = case_of(user_of("clinician", other_organisation))
    assert client.post(PREDICTIONS, {"case": str(case.pk)}).status_code == 404
    assert not Prediction.objects.exists()


def test_a_case_without_findings_cannot_be_predicted(
    client: ContractClient, clinician: User, case_of: Callable[..., Case]
) -> None:
    case = case_of(clinician, present=(), absent=())
    assert errors_of(client.post(PREDICTIONS, {"case": str(case.pk)})) == [("findings.present", "no_finding")]
