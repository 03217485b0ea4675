"""The feature store: the same numbers for training and for serving, and nothing from the future."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.features import definitions
from ml.features.cases import CaseTable
from ml.features.definitions import Column, FeatureSet, Findings, Fitted
from ml.features.evidence import AnnotationTable
from ml.features.feast import export_feast
from ml.features.fitting import fit_features, information_content
from ml.features.online import PARAMETERS, OnlineFeatures, UnknownCase
from ml.features.store import FeatureStoreError, materialise, read_as_of, read_rows
from ml.serving.vocabulary import Vocabulary

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SEPTAL, VENTRICULAR, ATRIAL = "HP:0000110", "HP:0000111", "HP:0000112"
HEART, EYE, CATARACT = "HP:0000100", "HP:0000200", "HP:0000210"


@pytest.fixture(scope="module")
def cases(vocabulary: Vocabulary) -> CaseTable:
    random = np.random.default_rng(7)
    n, terms = 60, range(1, len(vocabulary.graph))
    picked = [random.permutation(terms)[: random.integers(2, 6)].tolist() for _ in range(n)]
    return CaseTable(
        np.arange(n) % 3,
        tuple(tuple(sorted(p[:-1])) for p in picked),
        tuple((p[-1],) if i % 2 else () for i, p in enumerate(picked)),
        ((),) * n,
        tuple(None if i % 5 == 0 else float(random.uniform(0, 90)) for i in range(n)),
        tuple((None, "female", "male")[i % 3] for i in range(n)),
        tuple(() if i % 2 else (p[-1],) for i, p in enumerate(picked)),
        tuple(tuple(p[:1]) for p in picked),
    )


@pytest.fixture(scope="module")
def features(vocabulary: Vocabulary, table: AnnotationTable, cases: CaseTable) -> FeatureSet:
    graph = vocabulary.graph
    return FeatureSet(graph, fit_features(graph, information_content(table, graph), cases, n_components=3))


@pytest.fixture(scope="module")
def folder(features: FeatureSet, cases: CaseTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = [None if i == 3 else NEW_YEAR + timedelta(days=i) for i in range(len(cases))]
    ids = [f"case-{i}" for i in range(len(cases))]
    return materialise(tmp_path_factory.mktemp("store"), "d1", features, ids, cases, events)


def value(features: FeatureSet, patient: Findings, name: str) -> float:
    return float(features.row(patient)[features.names.index(name)])


def with_columns(features: FeatureSet, *columns: tuple[int, str]) -> FeatureSet:
    chosen = tuple(Column(*column) for column in columns)
    fitted = replace(features.fitted, columns=chosen, components=np.zeros((0, len(chosen))))
    return FeatureSet(features._graph, fitted)


def test_findings_imply_by_the_ontology(features: FeatureSet, vocabulary: Vocabulary) -> None:
    g = vocabulary.graph.index
    chosen = with_columns(features, (0, SEPTAL), (1, VENTRICULAR), (2, EYE), (3, ATRIAL))
    patient = Findings((g[ATRIAL],), (), (g[CATARACT],), (g[ATRIAL],))
    for name in (f"present:{SEPTAL}", f"uncertain:{EYE}", f"volunteered:{ATRIAL}"):
        assert value(chosen, patient, name) == 1
    # what is absent includes what is more specific, unless a present finding contradicts it
    assert value(chosen, Findings((), (g[HEART],)), f"absent:{VENTRICULAR}") == 1
    assert value(chosen, Findings((g[VENTRICULAR],), (g[HEART],)), f"absent:{VENTRICULAR}") == 0
    assert value(chosen, Findings((g[EYE],), (), (g[CATARACT],)), f"uncertain:{EYE}") == 0  # it is present


def test_sums_counts_and_context(features: FeatureSet, vocabulary: Vocabulary) -> None:
    g, information = vocabulary.graph.index, features.fitted.information
    assert features.fitted.systems == (HEART, EYE, "HP:0000300")
    patient = Findings((g[SEPTAL], g[ATRIAL], g[CATARACT]), (g["HP:0000300"],), age_years=3.0, sex="female")
    told = (
        information[ATRIAL] + information[CATARACT]
    )  # the more general one is implied and tells nothing more
    expected = {
        "information:present": told, f"system:present:{HEART}": 1, f"system:information:{EYE}": information[CATARACT],
        "system:absent:HP:0000300": 1, "count:present": 3, "count:specific": 2, "count:absent": 1,
        "age_years": 3.0, "age_band:3": 1, "age_band:0": 0, "sex:female": 1, "sex:unknown": 0,
    }  # fmt: skip
    for name, wanted in expected.items():
        assert value(features, patient, name) == pytest.approx(wanted), name
    assert value(features, Findings(()), "age_years") == -1
    assert information["HP:0000118"] == 0
    # two of five diseases have it, or something more specific
    assert information[SEPTAL] == pytest.approx(np.log(5 / 2), abs=1e-6)


def test_training_and_serving_read_the_same_bits(
    folder: Path, features: FeatureSet, cases: CaseTable, vocabulary: Vocabulary
) -> None:
    offline = read_rows(folder)
    online = OnlineFeatures.open(folder)
    served = FeatureSet(vocabulary.graph, Fitted.unpack((folder / PARAMETERS).read_bytes()))
    assert offline.names == features.names
    assert served.version == folder.name
    for i, case in enumerate(offline.ids):
        stored = offline.values[i].tobytes()
        assert online.row(case).tobytes() == stored
        assert served.row(Findings.of_case(cases, i)).tobytes() == stored
    assert np.ptp(offline.values, axis=0).any()
    with pytest.raises(UnknownCase, match="holds no such case"):
        online.row("nobody")


def test_serving_imports_numpy_only() -> None:
    script = (
        "import sys, ml.features.online, ml.features.definitions\n"
        "print({'sklearn', 'scipy', 'pandas', 'pyarrow'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


def test_a_read_never_sees_the_future(
    tmp_path: Path, features: FeatureSet, cases: CaseTable, folder: Path
) -> None:
    days = (0, 10, 5)
    events = [NEW_YEAR + timedelta(days=day) for day in days]
    visits = materialise(tmp_path, "d", features, ["x", "x", "x"], cases.take([0, 1, 2]), events)
    rows = features.table(cases)
    for day, expected in ((0, 0), (4, 0), (5, 2), (9, 2), (10, 1), (99, 1)):
        found, known = read_as_of(visits, ["x"], [NEW_YEAR + timedelta(days=day)])
        assert known.all()
        assert found[0].tobytes() == rows[expected].tobytes()
    found, known = read_as_of(visits, ["x", "y"], [NEW_YEAR - timedelta(seconds=1), NEW_YEAR])
    assert not known.any()
    assert np.isnan(found).all()
    assert OnlineFeatures.open(visits).row("x").tobytes() == rows[1].tobytes()
    # of case-3 nobody knows when
    assert read_as_of(folder, ["case-3", "case-4"], [NEW_YEAR.replace(year=2100)] * 2)[1].tolist() == [
        False,
        True,
    ]


@settings(max_examples=30, deadline=None)
@given(days=st.lists(st.integers(0, 20), min_size=1, max_size=8, unique=True), limit=st.integers(-1, 21))
def test_as_of_is_the_last_row_before(
    days: list[int],
    limit: int,
    features: FeatureSet,
    cases: CaseTable,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    events = [NEW_YEAR + timedelta(days=day) for day in days]
    visits = materialise(
        tmp_path_factory.mktemp("visits"),
        "d",
        features,
        ["x"] * len(days),
        cases.take(range(len(days))),
        events,
    )
    found, known = read_as_of(visits, ["x"], [NEW_YEAR + timedelta(days=limit)])
    before = [day for day in days if day <= limit]
    assert known[0] == bool(before)
    if before:
        assert found[0].tobytes() == read_rows(visits).values[days.index(max(before))].tobytes()


def test_what_cannot_be_said_is_refused(tmp_path: Path, features: FeatureSet, cases: CaseTable) -> None:
    two = cases.take([0, 1])
    with pytest.raises(FeatureStoreError, match="same time"):
        materialise(tmp_path, "d", features, ["x", "x"], two)
    with pytest.raises(FeatureStoreError, match="its zone"):
        materialise(tmp_path, "d", features, ["x", "y"], two, [datetime(2026, 1, 1), None])
    with pytest.raises(FeatureStoreError, match="no readable"):
        read_rows(tmp_path)


def test_the_version_follows_definitions_and_parameters(
    features: FeatureSet, vocabulary: Vocabulary, table: AnnotationTable, cases: CaseTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    graph = vocabulary.graph
    again = fit_features(graph, information_content(table, graph), cases, n_components=3)
    assert again.version == features.version
    assert again.pack() == features.fitted.pack()
    others = [
        replace(again, columns=again.columns[:-1]),
        replace(again, information=dict(again.information) | {EYE: 0.5}),
        replace(again, components=again.components + 1e-6),
    ]
    versions = {features.version, *(other.version for other in others)}
    monkeypatch.setattr(definitions, "DEFINITIONS", definitions.DEFINITIONS[:-1])
    versions.add(replace(again).version)
    assert len(versions) == 5


def test_selection_keeps_one_of_equal_columns_and_what_tells_diagnoses_apart(
    vocabulary: Vocabulary, table: AnnotationTable
) -> None:
    graph = vocabulary.graph
    n = 40
    tells, noise = graph.index[VENTRICULAR], graph.index[CATARACT]
    present = tuple(
        tuple(sorted(({tells} if i % 2 else set()) | ({noise} if i % 5 < 2 else set()))) for i in range(n)
    )
    empty: tuple[None, ...] = (None,) * n
    cases = CaseTable(np.arange(n) % 2, present, ((),) * n, ((),) * n, empty, empty)
    information = information_content(table, graph)
    fitted = fit_features(graph, information, cases)
    # heart and septal defect say the same as the ventricular one; the eye the same as cataract
    assert {column.term for column in fitted.columns} == {VENTRICULAR, CATARACT, "HP:0000118"}
    (best,) = fit_features(graph, information, cases, most_columns=1).columns
    assert best.term == VENTRICULAR


def test_feast_reads_the_same_rows(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "repository"
    export_feast(folder, out, undated=NEW_YEAR)
    source = (out / "features.py").read_text()
    compile(source, "features.py", "exec")
    assert folder.name in source
    exported = pq.read_table(out / "features.parquet")
    assert exported["event_timestamp"].null_count == 0
    assert exported.drop(["event_timestamp"]).equals(
        pq.read_table(folder / "features.parquet").drop(["event_timestamp"])
    )
    assert (out / "feature_store.yaml").is_file()
