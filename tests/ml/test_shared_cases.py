"""What the engine reaches on published cases, where these are at hand (they are no part of the project)."""

from pathlib import Path

import pytest

from ml.evaluation.run import benchmark

DEV = Path(__file__).parents[3] / "shared" / "data" / "cases" / "phenopacket-store.dev.jsonl.gz"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DEV.is_file(), reason="../shared/data/cases is not there: published cases to measure on"
    ),
]


@pytest.mark.parametrize(
    ("protocol", "least", "most_seconds"),
    [("raw", 0.43, 60), ("leave-publication-out", 0.22, 120), ("fair", 0.22, 180)],
)
def test_accuracy_on_other_publications(
    model_dir: Path, protocol: str, least: float, most_seconds: float
) -> None:
    report = benchmark(model_dir, [DEV], protocol)
    assert report["n_cases"] == 2123
    assert report["top1"] >= least
    assert report["seconds"] < most_seconds
    assert report["n"] + report["n_unknown_disease"] == 2123
