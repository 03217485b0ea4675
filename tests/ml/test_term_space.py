"""Nothing that can be said about a patient breaks the engine. Takes minutes: `make test ARGS="-m slow"`.

The examples are in parts, so that a progress is seen, and several processes can share them (`-k part0`).
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.serving import Predictor
from ml.serving.query import MOST_FINDINGS

N_EXAMPLES = 10_000
N_PARTS = 4
ROOT = "HP:0000118"


@st.composite
def patients(draw: st.DrawFn, ids: tuple[str, ...], part: int) -> dict[str, object]:
    """Findings of the whole term space, seldom very many; now and then with the most general ones."""
    n = draw(st.one_of(st.integers(1, 12), st.integers(1, 60), st.sampled_from([150, MOST_FINDINGS])))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng([part, seed])
    chosen = [ids[i] for i in random.choice(len(ids), n, replace=False).tolist()]
    split = draw(st.integers(1, n))
    general = draw(st.booleans())
    present = [*chosen[: split - 1], ROOT] if general and ROOT not in chosen else chosen[:split]
    return {
        "present": present or [ROOT],
        "absent": [f for f in chosen[split:] if f != ROOT],
        "age": draw(st.sampled_from([None, "P0D", "P10D", "P7M", "P4Y", "P33Y", "P130Y"])),
        "sex": draw(st.sampled_from([None, "unknown", "female", "male", "other"])),
    }


@pytest.mark.slow
@pytest.mark.parametrize("part", range(N_PARTS), ids="part{}".format)
@settings(max_examples=N_EXAMPLES // N_PARTS, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_patient_gets_an_answer(predictor: Predictor, part: int, data: st.DataObject) -> None:
    check(predictor, data.draw(patients(predictor.vocabulary.graph.ids, part)))


def check(predictor: Predictor, patient: dict[str, object]) -> None:
    query = predictor.resolve(**patient)  # type: ignore[arg-type]
    prediction = predictor.predict(query)
    probability, none = predictor.run(query, "probability", "none_of_these")
    assert probability.sum() + none[0] == pytest.approx(1.0, abs=1e-9)
    assert prediction.none_of_these == pytest.approx(float(none[0]))
    scores = [row.score for row in prediction.ranking]
    assert np.isfinite(scores).all()
    assert scores == sorted(scores, reverse=True)
    for place in (0, -1):
        row = prediction.ranking[place]
        explanation = predictor.explain(query, row.id)
        total = explanation.base + sum(c.weight for c in explanation.contributions)
        assert total == pytest.approx(row.score, abs=1e-6)
        assert len(explanation.contributions) == len(query.present) + len(query.absent)
    known = set(query.present) | set(query.absent)
    for question in predictor.ask_next(query, limit=3):
        assert question.finding not in known
        assert np.isfinite(question.gain_bits)
    assert predictor.sufficiency(query).detail
    for pair in predictor.pairs(query):
        assert pair.first != pair.second
        assert not set(pair.explained_by_first) & set(pair.explained_by_second)


@pytest.mark.parametrize("n", [1, MOST_FINDINGS])
def test_all_roots_and_very_many_findings(predictor: Predictor, n: int) -> None:
    graph = predictor.vocabulary.graph
    heads = [graph.ids[t] for t, parents in enumerate(graph.parents) if graph.index[ROOT] in parents]
    check(predictor, {"present": [ROOT, *heads], "absent": [], "age": "P130Y", "sex": "unknown"})
    check(predictor, {"present": list(graph.ids[-n:]), "absent": [], "age": None, "sex": None})
