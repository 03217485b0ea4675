"""A sample's columns are told apart, and its codes compared with names; what nobody confirmed maps nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from ml.cli import main
from ml.data.assistant import look_at
from ml.data.connectors import Blob
from ml.data.profile import codes_in, guess, problems_of, shape_yaml
from ml.data.proposals import Mapped, Names, normalised
from ml.data.shape import parse_shape
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY, Disease, Synonym, Term

TERMS = [
    Term(PHENOTYPIC_ABNORMALITY, "Phenotypic abnormality"),
    Term("HP:0000210", "Cataract", synonyms=(Synonym("Cloudy lens", "EXACT"), Synonym("Eye trouble", "BROAD")),
         parents=(PHENOTYPIC_ABNORMALITY,)),
    Term("HP:0030828", "Wheezing", parents=(PHENOTYPIC_ABNORMALITY,)),
    Term("HP:0000099", "Gone", obsolete=True),
    Term("HP:0000005", "Mode of inheritance"),
]  # fmt: skip
SPANISH = [("HP:0030828", "Sibilancias")]
CONSULTATION = {"exp_sxs": {"咳嗽": "1", "发热": "2"}, "imp_sxs": {"皮疹": "0"}, "label": "小儿感冒"}


@pytest.fixture(scope="module")
def names() -> Names:
    earlier = [Mapped("发热", "HP:0001945", "Fever", "exact", "dxformer")]
    return Names.of_findings(TERMS, SPANISH, earlier)


@pytest.mark.parametrize(
    ("code", "target", "relation", "is_exact"),
    [
        ("cataract", "HP:0000210", "exact", True),
        ("  CLOUDY—lens ", "HP:0000210", "exact", True),
        ("eye trouble", "HP:0000210", "exact", False),
        ("sibilancias", "HP:0030828", "exact", True),
        ("cataracts", "HP:0000210", "exact", False),
        ("wheezing at night", "HP:0030828", "broad", False),
        ("发热", "HP:0001945", "exact", False),
        ("HP:0030828", "HP:0030828", "exact", True),
        ("gone", "", "exact", False),
        ("mode of inheritance", "", "exact", False),
        ("blood test", "", "exact", False),
    ],
)
def test_what_a_code_may_mean(names: Names, code: str, target: str, relation: str, is_exact: bool) -> None:
    found = names.propose(code)
    assert (found.id, found.is_exact) == (target, is_exact)
    assert not target or found.relation == relation
    assert (found.score > 0) == bool(target)


def test_a_disease_by_its_other_names() -> None:
    disease = Disease("OMIM:154700", "Marfan syndrome; MFS", "OMIM", None, None, 1, ("OMIM:154700",))
    names = Names.of_diseases([disease], [("OMIM:154700", "Marfan's disease")])
    assert [names.propose(code).id for code in ("mfs", "marfan’s disease", "flu")] == [
        disease.id,
        disease.id,
        "",
    ]
    assert normalised("Ｍａｒｆａｎ, syndrome") == "marfan syndrome"


def sample(content: str, name: str) -> Any:
    return look_at(Blob(name, content.encode()))


def roles(layout: Any) -> dict[str, str]:
    return {column: given["role"] for column, given in layout.items()}


def test_objects_of_codes_and_states_are_seen_as_such() -> None:
    seen = sample(json.dumps([CONSULTATION | {"pid": f"p{i}"} for i in range(9)]), "visits.json")
    layout = guess(seen)
    assert roles(layout) == {"exp_sxs": "states", "imp_sxs": "states", "label": "diagnosis", "pid": "id"}
    assert layout["exp_sxs"]["values"] == {"1": "present", "2": "uncertain"}
    findings, diagnoses = codes_in(seen, layout)
    assert (dict(findings), dict(diagnoses)) == ({"咳嗽": 9, "发热": 9, "皮疹": 9}, {"小儿感冒": 9})


@pytest.mark.parametrize("name", ["visits.csv", "visits.tsv"])
def test_the_columns_of_a_table(name: str) -> None:
    lines = ["case,verdict,months,sex,fever,cough,said,note"]
    story = (
        "the child came in the night with a fever that had begun two days before and would not go down again"
    )
    lines += [
        f"{i},{'ab'[i % 2]},{i},{'mf'[i % 2]},{i % 2},{'' if i % 3 else 1},red eyes;rash,{story} {i}"
        for i in range(12)
    ]
    text = "\n".join(lines)
    layout = guess(sample(text.replace(",", "\t") if name.endswith("tsv") else text, name))
    assert roles(layout) == {
        "case": "id", "verdict": "diagnosis", "months": "age", "sex": "sex", "fever": "column", "cough": "column",
        "said": "codes", "note": "note",
    }  # fmt: skip
    assert layout["months"]["unit"] == "months"
    assert layout["said"]["separator"] == ";"
    shape = parse_shape(shape_yaml("clinic", layout, with_diagnoses=False, with_findings=False), {})
    assert (shape.id, shape.age_unit, shape.sexes) == ("case", "months", {"m": "male", "f": "female"})
    assert [given.columns or given.field for given in shape.findings] == ["said", ("fever",), ("cough",)]
    assert problems_of(layout) == []


def test_what_is_still_to_be_said() -> None:
    layout = guess(sample(json.dumps([{"found": {"a": "high", "b": "1"}}] * 3), "s.json"))
    assert problems_of(layout) == ["id: 0 columns; one was expected", "found: the value 'high' has no state"]


def test_the_command_writes_proposals_that_map_nothing_by_themselves(
    tmp_path: Path, knowledge_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"id": i, "dx": "Marfan syndrome", "found": ["Arachnodactyly", "tall stature, extreme", "yxq"]}
        for i in range(3)
    ]
    (tmp_path / "visits.json").write_text(json.dumps(rows))
    arguments = ["propose-mapping", str(tmp_path / "visits.json"), "--knowledge", str(knowledge_dir)]
    assert main([*arguments, "--out", str(tmp_path / "draft")]) == 0
    said = capsys.readouterr().out
    assert "findings: 3 codes, 1 with the same name, 1 with one like it, 1 without" in said
    tables = {
        what: (tmp_path / "draft" / f"{what}.sssom.tsv").read_text() for what in ("findings", "diagnoses")
    }
    shape = parse_shape((tmp_path / "draft" / "shape.yaml").read_text(), tables)
    assert [meaning.id for meaning in shape.codes.findings("Arachnodactyly")] == ["HP:0001166"]
    assert [meaning.kind for meaning in shape.codes.findings("tall stature, extreme")] == ["local"]
    assert [meaning.kind for meaning in shape.codes.findings("yxq")] == ["local"]
    assert [meaning.id for meaning in shape.diseases.diagnoses("Marfan syndrome")] == ["OMIM:154700"]
