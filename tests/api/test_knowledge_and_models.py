"""Terms, diseases and models over the API."""

import pytest

from apps.registry.models import ModelVersion
from tests.api.conftest import errors_of
from tests.api.contract import ContractClient
from tests.conftest import MARFAN

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("active_model")]


@pytest.mark.parametrize("query", ["arachnodactyly", "aracnodactyly", "spider fingers", "HP:0001166", "1166"])
def test_a_term_is_found_by_label_synonym_id_and_with_a_typing_error(
    client: ContractClient, query: str
) -> None:
    hits = client.get("/api/v1/terms/", {"q": query}).json()["results"]
    assert "HP:0001166" in [hit["id"] for hit in hits[:3]]


@pytest.mark.parametrize("query", ["%", "_", "'; drop table", "\\", "é" * 200, "a b c d", "(", "\t"])
def test_odd_queries_find_little_and_break_nothing(client: ContractClient, query: str) -> None:
    for path in ("/api/v1/terms/", "/api/v1/diseases/"):
        assert client.get(path, {"q": query}).status_code in {200, 422}


def test_a_search_without_words_is_refused(client: ContractClient) -> None:
    assert errors_of(client.get("/api/v1/terms/")) == [("q", "required")]
    assert errors_of(client.get("/api/v1/diseases/", {"q": "x" * 201})) == [("q", "max_length")]
    assert errors_of(client.get("/api/v1/terms/", {"q": "a\0b"})) == [("q", "null_characters_not_allowed")]
    assert errors_of(client.get("/api/v1/terms/", {"query": "fingers"})) == [
        ("query", "unknown_member"),
        ("q", "required"),
    ]


def test_a_term_is_read_by_its_id_and_its_alternative_ids(client: ContractClient) -> None:
    term = client.get("/api/v1/terms/HP:0001166/").json()
    assert (term["label"], term["is_phenotype"]) == ("Arachnodactyly", True)
    assert "HP:0001505" in term["alternative_ids"]
    assert client.get("/api/v1/terms/HP:0001505/").json() == term
    assert client.get("/api/v1/terms/HP:9999999/").status_code == 404
    assert client.get("/api/v1/terms/HP:1%00/").status_code == 404


def test_a_disease_shows_its_findings_and_their_sources(client: ContractClient) -> None:
    hits = client.get("/api/v1/diseases/", {"q": "marfan syndrome"}).json()["results"]
    assert MARFAN in [hit["id"] for hit in hits]
    disease = client.get(f"/api/v1/diseases/{MARFAN}/").json()
    assert disease["name"] == "Marfan syndrome"
    fingers = next(row for row in disease["annotations"] if row["term"]["id"] == "HP:0001166")
    assert fingers["term"]["label"] == "Arachnodactyly"
    assert all(source["url"].startswith("https://") for source in fingers["references"])
    assert client.get("/api/v1/diseases/OMIM:1/").status_code == 404


def test_models_say_which_one_answers(client: ContractClient, active_model: ModelVersion) -> None:
    listed = client.get("/api/v1/models/").json()["results"]
    assert [row["number"] for row in listed if row["is_active"]] == [active_model.number]
    model = client.get(f"/api/v1/models/{active_model.number}/").json()
    assert model["artefact_hash"] == active_model.artefact_hash
    assert model["manifest"]
    assert client.get(f"/api/v1/models/{active_model.number + 1}/").status_code == 404
    assert client.get(f"/api/v1/models/{'9' * 30}/").status_code == 404
