"""FHIR R4 servers as sources: bundles of three searches become one record a patient."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.fhir import FIELDS, TYPES, read_resources
from ml.data.reading import ReadingReport, read_records
from ml.data.shape import Shape, read_shape
from ml.serving.phenopacket import Document
from tests.ml.data.servers import Answered, Asked, Outcome, cases_of, ingest, serving

SHAPE = """
source: clinic
mappings: {findings: findings.sssom.tsv, diagnoses: diagnoses.sssom.tsv}
measurements:
  {field: measurements, code: code, value: value, unit: unit, limits: [
    {code: LOINC:2823-3, operator: ">", limit: 5.5, unit: mmol/L, finding: HP:0002153}]}
"""
HEADER = "subject_id\tpredicate_id\tobject_id\n"
FINDINGS = (
    "clinic:SNOMED:49727002\tskos:exactMatch\tHP:0012735\nclinic:ICD10:R05\tskos:exactMatch\tHP:0012735\n"
    "clinic:wheeze\tskos:exactMatch\tHP:0030828\n"
)
DIAGNOSES = "clinic:SNOMED:19346006\tskos:exactMatch\tOMIM:154700\n"
HPO, SNOMED, LOINC = "http://human-phenotype-ontology.org", "http://snomed.info/sct", "http://loinc.org"
ICD10, ICD10CM = "http://hl7.org/fhir/sid/icd-10", "http://hl7.org/fhir/sid/icd-10-cm"
STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def concept(*codings: tuple[str, str], text: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"coding": [{"system": system, "code": code} for system, code in codings]}
    return found | ({} if text is None else {"text": text})


def patient(identity: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": identity, "gender": "female", "birthDate": "1990-03-15"} | fields


def condition(
    identity: str, code: dict[str, Any], verification: str = "confirmed", **fields: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Condition", "id": f"c-{identity}", "subject": {"reference": f"Patient/{identity}"},
        "code": code, "verificationStatus": concept((STATUS, verification)), "recordedDate": "2024-05-02T10:00:00Z",
    } | fields  # fmt: skip


def observation(identity: str, code: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": f"o-{identity}", "status": "final", "code": code,
        "subject": {"reference": f"Patient/{identity}"}, "effectiveDateTime": "2024-05-01",
    } | fields  # fmt: skip


MARFAN = concept((SNOMED, "19346006"))


def write_maps(folder: Path) -> None:
    (folder / "findings.sssom.tsv").write_text(HEADER + FINDINGS)
    (folder / "diagnoses.sssom.tsv").write_text(HEADER + DIAGNOSES)


def read(folder: Path, resources: list[dict[str, Any]], *, size: int = 2) -> tuple[Outcome, list[Asked]]:
    """Ingest from a server that has these resources, `size` a page."""
    write_maps(folder)

    def script(asked: Asked) -> Answered:
        kind = asked.path.rpartition("/")[2]
        found = [resource for resource in resources if resource["resourceType"] == kind]
        start = int(asked.parameters.get("start", 0))
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": []}
        if found:
            bundle["entry"] = [
                {"resource": one, "search": {"mode": "match"}} for one in found[start : start + size]
            ]
        if start + size < len(found):
            url = f"http://{asked.headers['Host']}{asked.path}?start={start + size}"
            bundle["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": url}]
        return Answered(bundle)

    with serving(script) as server:
        options = {"parameters": {"Condition": {"category": "problem-list-item"}}}
        outcome = ingest(folder, {"kind": "fhir", "location": f"{server.url}/r4", "options": options}, SHAPE)
    return outcome, server.asked


def states(case: dict[str, Any]) -> dict[str, str]:
    return {finding["id"]: finding["state"] for finding in case["findings"]}


def test_pages_of_three_searches_become_one_record_a_patient(tmp_path: Path) -> None:
    resources = [
        *(patient(f"p{n}") for n in range(5)),
        *(condition(f"p{n}", MARFAN) for n in range(5)),
        *(observation(f"p{n}", concept((HPO, "HP:0001166")), valueBoolean=n != 3) for n in range(5)),
    ]
    outcome, asked = read(tmp_path, resources)
    assert (outcome.code, outcome.ids) == (0, [f"p{n}" for n in range(5)])
    assert [one.path for one in asked] == [f"/r4/{kind}" for kind in TYPES for _ in range(3)]
    assert asked[3].parameters == {"_count": "200", "category": "problem-list-item"}
    assert asked[0].headers["Accept"] == "application/fhir+json"
    cases = cases_of(outcome)
    assert [states(case)["HP:0001166"] for case in cases] == ["present"] * 3 + ["absent", "present"]
    assert {(case["age"], case["sex"], case["diagnoses"][0]["id"]) for case in cases} == {
        ("P34Y1M", "female", "OMIM:154700")
    }


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (condition("p", concept((SNOMED, "49727002"))), {"HP:0012735": "present"}),
        (condition("p", concept((SNOMED, "49727002")), "refuted"), {"HP:0012735": "absent"}),
        (condition("p", concept((SNOMED, "49727002")), "provisional"), {"HP:0012735": "uncertain"}),
        (condition("p", concept((SNOMED, "49727002")), "entered-in-error"), {}),
        (condition("p", concept((ICD10CM, "R05.9"), (ICD10, "R05"))), {"HP:0012735": "present"}),
        (condition("p", {"text": "wheeze"}), {"HP:0030828": "present"}),
        (observation("p", concept((HPO, "HP:0001250")), valueBoolean=False), {"HP:0001250": "absent"}),
        (observation("p", concept((HPO, "0001250")), valueString="Absent"), {"HP:0001250": "absent"}),
        (observation("p", concept((HPO, "HP:0001250")), valueCodeableConcept=concept((SNOMED, "2667000"))),
         {"HP:0001250": "absent"}),
        (observation("p", concept((HPO, "HP:0001250")), valueCodeableConcept=concept((LOINC, "LA9633-4"))),
         {"HP:0001250": "present"}),
        (observation("p", concept((HPO, "HP:0001250")), valueCodeableConcept={"text": "present"}),
         {"HP:0001250": "present"}),
        (observation("p", concept((HPO, "HP:0001250")), dataAbsentReason=concept(("x", "unknown"))),
         {"HP:0001250": "uncertain"}),
        (observation("p", concept((HPO, "HP:0001250")), dataAbsentReason=concept(("x", "not-performed"))), {}),
        (observation("p", concept((HPO, "HP:0001250")), status="entered-in-error", valueBoolean=True), {}),
        (observation("p", concept((LOINC, "2823-3")), valueQuantity={"value": 6.1, "code": "mmol/L"}),
         {"HP:0002153": "present"}),
        (observation("p", {"text": "panel"}, component=[
            {"code": concept((HPO, "HP:0001250")), "valueBoolean": True},
            {"code": concept((LOINC, "2823-3")), "valueQuantity": {"value": 5, "unit": "mmol/L"}}]),
         {"HP:0001250": "present", "HP:0002153": "absent"}),
        (observation("p", concept(("http://local", "x 1")), valueBoolean=True),
         {"LOCAL:clinic/http%3A//local%7Cx%201": "present"}),
    ],
)  # fmt: skip
def test_a_statement_is_read_by_its_code_and_value(
    tmp_path: Path, resource: dict[str, Any], expected: dict[str, str]
) -> None:
    always = observation("p", concept((HPO, "HP:0000098")), valueBoolean=True)
    (case,) = cases_of(read(tmp_path, [patient("p"), condition("p", MARFAN), always, resource])[0])
    assert states(case) == {"HP:0000098": "present"} | expected
    assert [one["id"] for one in case["diagnoses"]] == ["OMIM:154700"]


@pytest.mark.parametrize(
    ("fields", "recorded", "age"),
    [
        ({}, "2024-05-02", "P34Y1M"),
        ({"birthDate": "2024-04-20"}, "2024-05-02", "P12D"),
        ({"birthDate": "1990"}, "2024", "P34Y0M"),
        ({"birthDate": None}, "2024", None),
        ({"birthDate": "2030-01-01"}, "2024-05-02", None),
        ({"birthDate": "rubbish"}, "2024", None),
        (
            {"extension": [{"url": "x"}, {"url": "y", "valueAge": {"value": 18, "code": "mo"}}]},
            "2024",
            "P18M",
        ),
    ],
)
def test_the_age_is_that_of_the_day_of_the_diagnosis(
    tmp_path: Path, fields: dict[str, Any], recorded: str, age: str | None
) -> None:
    said = observation("p", concept((HPO, "HP:0000098")), valueBoolean=True, effectiveDateTime="2029-01-01")
    diagnosed = condition("p", MARFAN, recordedDate=recorded)
    (case,) = cases_of(read(tmp_path, [patient("p", **fields), diagnosed, said])[0])
    assert case["age"] == age


def test_what_cannot_be_read_is_reported_and_the_rest_is_used(tmp_path: Path) -> None:
    said = observation("p", concept((HPO, "HP:0000098")), valueBoolean=True)
    resources = [
        patient("p"), patient("q"), {"resourceType": "Patient"}, condition("p", MARFAN), said,
        observation("p", concept((HPO, "HP:0001250")), valueString="a little"),
        observation("p", {}, valueBoolean=True),
        observation("nobody", concept((HPO, "HP:0001250")), valueBoolean=True),
    ]  # fmt: skip
    outcome, _ = read(tmp_path, resources, size=9)
    assert (outcome.code, outcome.ids) == (1, ["p"])  # two of three patients are over any budget
    assert outcome.report is not None
    assert [(e["file"], e["row"], e["why"]) for e in outcome.report["rejected"]] == [
        ("Patient-00001.json", 2, "no finding: nothing can be learned from it"),
        ("Patient-00001.json", 3, "Patient: an id was expected"),
    ]
    assert [(e["row"], e["why"].partition(": ")[2]) for e in outcome.report["left_out"]] == [
        (2, "its value cannot be read; true, false, present or absent was expected"),
        (3, "code: a coding or a text was expected"),
        (4, "subject: a patient that the source gives was expected"),
    ]


def test_files_of_bundles_and_of_resources_are_read_as_well(tmp_path: Path) -> None:
    write_maps(tmp_path)
    (tmp_path / "in").mkdir()
    said = observation("x", concept((HPO, "HP:0000098")), valueBoolean=True)
    said["subject"] = {"reference": "urn:uuid:1"}
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": patient("")},
        {"resource": condition("", MARFAN, subject={"reference": "urn:uuid:1"})},
        {"resource": said},
    ]
    (tmp_path / "in/bundle.json").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}))
    lines = [
        patient("b"),
        condition("b", MARFAN),
        said | {"subject": {"reference": "http://x/Patient/b/_history/2"}},
    ]
    (tmp_path / "in/export.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = ingest(tmp_path, {"kind": "files", "location": "in", "format": "fhir"}, SHAPE)
    assert (outcome.code, outcome.ids) == (0, ["urn:uuid:1", "b"])


def test_a_server_that_answers_no_bundle_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_maps(tmp_path)
    failed = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    with serving(lambda _: Answered(failed)) as server:
        outcome = ingest(tmp_path, {"kind": "fhir", "location": server.url}, SHAPE)
    assert (outcome.code, outcome.report) == (1, None)
    assert "Patient 1 holds no list" in capsys.readouterr().err


WORDS = ["p", "Patient/p", "present", "1990", HPO]
INNER_KEYS = ["reference", "coding", "system", "code", "text", "valueAge", "value", "resource", "entry"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(INNER_KEYS),
            inner, max_size=3,
        )
    ),
    max_leaves=6,
)  # fmt: skip
KEYS = ["id", "gender", "birthDate", "extension", "subject", "code", "status", "verificationStatus", "recordedDate",
        "valueBoolean", "valueQuantity", "valueCodeableConcept", "valueString", "dataAbsentReason", "component",
        "entry", "fullUrl", "resource", "issue"]  # fmt: skip
RESOURCES = st.builds(
    lambda kind, fields: {"resourceType": kind} | fields,
    st.sampled_from([*TYPES, "Bundle", "OperationOutcome", 3]),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6),
)


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Shape:
    folder = tmp_path_factory.mktemp("shape")
    write_maps(folder)
    (folder / "shape.yaml").write_text(SHAPE)
    return read_shape(folder / "shape.yaml", FIELDS)


@given(rubbish=st.lists(RESOURCES | JSON, max_size=5))
@settings(max_examples=150, deadline=None)
def test_resources_of_any_shape_never_stop_the_others(shape: Shape, rubbish: list[Any]) -> None:
    good = [patient("good"), condition("good", MARFAN), observation("good", MARFAN, valueBoolean=True)]
    report = ReadingReport()
    documents = [Document(value, n, "x.json") for n, value in enumerate([*rubbish, *good], start=1)]
    cases = list(read_records(read_resources(documents, shape, report), shape, report))
    assert [case.id for case in cases if case.id == "good"] == ["good"]
