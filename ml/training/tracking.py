"""A comparison in MLflow: one experiment, and in it one run for each candidate."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.errors import EngineError

EXPERIMENT = "hoofbeat"
# MLflow allows these in names of metrics
_FOREIGN = re.compile(r"[^\w./ -]")


class TrackingError(EngineError, RuntimeError):
    """MLflow could not be reached or refused; the message says why."""


def log_comparison(comparison: Mapping[str, Any], folder: Path, uri: str) -> None:
    """Log measures, parameters, tags and the files of `folder` to a server or database. Raises TrackingError.

    What the same comparison has logged already is not logged again.
    """
    # it reports usage to its maker unless told otherwise; a clinical system reports to nobody
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        client = MlflowClient(uri)
        # a database holds no files, so they stand beside the comparison; a server has a place of its own
        beside = (
            (folder.absolute().parent / "mlflow-artefacts").as_uri() if uri.startswith("sqlite:") else None
        )
        known = client.get_experiment_by_name(EXPERIMENT)
        number = client.create_experiment(EXPERIMENT, beside) if known is None else known.experiment_id
        tags = {name: str(value) for name, value in comparison["run"].items()}
        for name, found in comparison["candidates"].items():
            same = f"tags.artefact_hash = '{tags['artefact_hash']}' and tags.candidate = '{name}'"
            if client.search_runs([number], f"{same} and attributes.status = 'FINISHED'"):
                continue
            run = client.create_run(number, run_name=name, tags=tags | {"candidate": name}).info.run_id
            for key, value in found["parameters"].items():
                client.log_param(run, key, value)
            for key, value in _numbers(
                {"measures": found["measures"], "cost": found["cost"], "onnx": found["onnx"]}
            ):
                client.log_metric(run, key, value)
            client.log_artifacts(run, str(folder))
            client.set_terminated(run)
    except MlflowException as error:
        raise TrackingError(f"MLflow at {uri}: {error.message}") from error


def _numbers(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if key in ("reliability", "confusion"):
            continue  # lists, which are in the files
        name = before + _FOREIGN.sub("_", key)
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{name}/")
        elif isinstance(value, list):
            yield from ((f"{name}/{end}", float(v)) for end, v in zip(("low", "high"), value, strict=True))
        elif value is not None:
            yield name, float(value)
