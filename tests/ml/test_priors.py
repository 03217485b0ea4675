"""Priors: named ones, a clinic's own, what they rest on, and groups of diseases that findings do not tell apart."""

from pathlib import Path

import numpy as np
import pytest

from ml.cli import main
from ml.serving import InvalidInput, Predictor, Prior
from ml.serving.clinic_mix import ClinicMixError, read_clinic_mix
from ml.serving.groups import Grouper

FEVER = ["HP:0001945", "HP:0012735", "HP:0003326"]
MARFAN = ["HP:0000098", "HP:0001166", "HP:0001083", "HP:0002616"]


def test_the_prior_is_added_to_the_score_and_nothing_else(predictor: Predictor) -> None:
    query = predictor.resolve(present=FEVER)
    (plain,) = predictor.run(query, "score", prior="uniform")
    for name in predictor.priors:
        (score,) = predictor.run(query, "score", prior=name)
        assert score - plain == pytest.approx(predictor.prior(name).log, abs=1e-9)
    assert predictor.priors[0] == predictor.predict(query).prior == "literature"


def test_an_explanation_goes_with_the_prior_chosen(predictor: Predictor) -> None:
    query = predictor.resolve(present=FEVER, age="P30Y")
    for prior in predictor.priors:
        first = predictor.predict(query, 1, prior).ranking[0]
        explanation = predictor.explain(query, first.id, prior)
        assert explanation.score == pytest.approx(first.score, abs=1e-9)
        total = explanation.base + sum(item.weight for item in explanation.contributions)
        assert total == pytest.approx(explanation.score, abs=1e-6)


def test_a_prior_of_ones_own_is_taken_as_it_is(predictor: Predictor) -> None:
    log = np.full(len(predictor.disease_ids), -50.0)
    log[predictor.numbers["OMIM:154700"]] = 0.0
    query = predictor.resolve(present=FEVER)
    prediction = predictor.predict(query, 1, Prior("mine", log))
    assert (prediction.prior, prediction.ranking[0].id) == ("mine", "OMIM:154700")


def test_a_prior_that_is_none_is_refused(predictor: Predictor) -> None:
    query = predictor.resolve(present=FEVER)
    with pytest.raises(InvalidInput, match="one of literature, prevalence, uniform was expected"):
        predictor.predict(query, prior="guess")
    for log in (np.zeros(3), np.full(len(predictor.disease_ids), np.nan)):
        with pytest.raises(InvalidInput, match="finite logs"):
            predictor.predict(query, prior=Prior("x", log))


def test_a_clinics_counts_move_the_list_and_few_move_it_little(predictor: Predictor) -> None:
    query = predictor.resolve(present=FEVER, age="P30Y")

    def probability(prior: str | Prior, identity: str) -> float:
        return float(predictor.run(query, "probability", prior=prior)[0][predictor.numbers[identity]])

    pertussis = "MONDO:0005077"
    before = probability("prevalence", pertussis)
    few, many = (predictor.clinic_prior({"ORPHA:1489": n}) for n in (1, 1000))
    assert before < probability(few, pertussis) < probability(many, pertussis)
    assert predictor.clinic_prior({pertussis: 0}).log == pytest.approx(
        predictor.prior("prevalence").log - np.logaddexp.reduce(predictor.prior("prevalence").log)
    )
    both = predictor.clinic_prior({"ORPHA:1489": 400, pertussis: 600})
    assert both.log == pytest.approx(many.log)


def test_every_wrong_count_is_named(predictor: Predictor) -> None:
    with pytest.raises(InvalidInput) as caught:
        predictor.clinic_prior({"OMIM:0": 1, "OMIM:154700": -1, "ORPHA:536": True})  # type: ignore[dict-item]
    assert [(issue.field, issue.code) for issue in caught.value.issues] == [
        ("counts[OMIM:0]", "unknown_disease"),
        ("counts[OMIM:154700]", "invalid_count"),
        ("counts[ORPHA:536]", "invalid_count"),
    ]
    with pytest.raises(InvalidInput, match="at least one disease"):
        predictor.clinic_prior({})


def test_each_figure_names_its_source_and_each_assumption_is_called_one(predictor: Predictor) -> None:
    stated = predictor.prior_basis("MONDO:0005649", "prevalence")
    assert (stated.kind, stated.per_100000, stated.assumed) == ("annual incidence", 100.0, False)
    assert stated.source == "PMID:28288060"
    chronic = predictor.prior_basis("MONDO:0005011", "prevalence")
    assert (chronic.value, chronic.per_100000) == ("241 per 100,000 adults (US, 2009)", pytest.approx(24.1))
    for identity in ("OMIM:154700", "ICD10CM:J06.9"):
        assumed = predictor.prior_basis(identity, "prevalence")
        assert assumed.assumed
        assert "assumption" in assumed.source
    # the defaults that docs/adr/0017 states
    common, rare = (predictor.prior_basis(i, "prevalence") for i in ("ICD10CM:J06.9", "OMIM:154700"))
    n_publications = int(predictor.prior_basis("OMIM:154700").value.split()[0])
    assert n_publications > 0
    assert common.per_100000 == 100.0
    assert rare.per_100000 == pytest.approx(0.0008 * (1 + n_publications) ** 2)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "[1]", "an object like"),
        ("a.json", '{"OMIM:1": 1.5}', "an object like"),
        ("a.json", '{"OMIM:1": 1, "OMIM:1": 2}', "stands twice"),
        ("a.json", "{", "is no JSON"),
        ("a.tsv", "OMIM:1\t" + "9" * 5000, "line 1: a disease id, a tab"),
        ("a.tsv", "OMIM:1\tmany\n", "line 1: a disease id, a tab"),
        ("a.tsv", "disease_id\tcount\nOMIM:1\t1\nOMIM:1\t2\n", "line 3: OMIM:1 stands twice"),
        ("missing.tsv", None, "cannot be read"),
    ],
)
def test_a_file_of_counts_that_cannot_be_read(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ClinicMixError, match=message):
        read_clinic_mix(tmp_path / name)


def test_the_command_line_takes_both(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mix = tmp_path / "mix.tsv"
    mix.write_text("disease_id\tcount\nORPHA:1489\t5000\n\n")
    arguments = ["predict", "--model", str(model_dir), "--present", *FEVER, "--age", "P30Y"]
    assert main([*arguments, "--clinic-mix", str(mix)]) == 0
    out = capsys.readouterr().out
    assert "prior: clinic" in out
    assert out.index("pertussis") < out.index("   2  ")
    assert main([*arguments, "--prior", "prevalence", "--explain"]) == 0
    assert "prior: prevalence" in capsys.readouterr().out
    assert main([*arguments, "--prior", "guess"]) == 2
    assert "one of literature" in capsys.readouterr().err
    mix.write_text("OMIM:0\t5\n")
    assert main([*arguments, "--clinic-mix", str(mix)]) == 2
    assert "is no disease of this model" in capsys.readouterr().err


def test_allelic_diseases_and_series_are_grouped_with_their_probability(predictor: Predictor) -> None:
    query = predictor.resolve(present=MARFAN)
    prediction = predictor.predict(query)
    labels = {group.label: group for group in prediction.groups}
    allelic = labels["gene FBN1"]
    assert allelic.members[0] == "OMIM:154700"
    assert "Loeys-Dietz syndrome" in labels
    (probability,) = predictor.run(query, "probability")
    for number, group in enumerate(prediction.groups):
        members = [predictor.numbers[identity] for identity in group.members]
        assert group.probability == pytest.approx(probability[members].sum())
        listed = [row for row in prediction.ranking if row.group == number]
        assert len(listed) >= 2
        assert {row.id for row in listed} <= set(group.members)
    assert predictor.predict(query, top=1).groups == ()


def test_a_gene_groups_only_what_is_about_as_probable() -> None:
    records = [
        {"genes": ["ABC1"], "series": None}, {"genes": ["ABC1", "XYZ2"], "series": "Alpha syndrome"},
        {"genes": ["ABC1"], "series": None}, {"genes": [], "series": "Alpha syndrome"},
    ]  # fmt: skip
    probability = np.array([0.5, 0.3, 0.001, 0.1])
    groups = Grouper(records).groups([0, 1, 3, 2], probability)
    assert [(group.label, group.members) for group in groups] == [("gene ABC1", (0, 1))]
    assert groups[0].probability == pytest.approx(0.8)
    assert Grouper(records).groups([0], probability) == []
