"""Experiments in MLflow: a run for each candidate of a comparison, and one for the bundle that came of it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml.errors import EngineError

EXPERIMENT = "hoofbeat"
_SQLITE = "sqlite:///"
# MLflow allows these in names of metrics
_FOREIGN = re.compile(r"[^\w./ -]")


class TrackingError(EngineError, RuntimeError):
    """MLflow could not be reached or refused; the message says why."""


def log_comparison(comparison: Mapping[str, Any], folder: Path, uri: str) -> None:
    """Log measures, parameters, tags and the files of `folder` to a server or database. Raises TrackingError.

    What the same comparison has logged already is not logged again.
    """
    with _client(uri) as (client, number):
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


def log_bundle(
    bundle: Path, name: str, tags: Mapping[str, object], gates: Sequence[Mapping[str, Any]], uri: str
) -> None:
    """Log a bundle and its gates as a run, and as the next version of MLflow's registered model `EXPERIMENT`.

    The tag `model_hash` says which bundle it is: one that is there is not logged again. Raises TrackingError.
    """
    with _client(uri) as (client, number):
        digest = str(tags["model_hash"])
        if client.search_runs(
            [number], f"tags.model_hash = '{digest}' and attributes.status = 'FINISHED'", max_results=1
        ):
            return
        words = {key: str(value) for key, value in tags.items()}
        run = client.create_run(number, run_name=name, tags=words).info
        for gate in gates:
            if gate.get("figure") is not None:
                client.log_metric(run.run_id, "gates/" + _FOREIGN.sub("_", gate["name"]), gate["figure"])
        client.log_dict(run.run_id, {"gates": list(gates)}, "gates.json")
        client.log_artifacts(run.run_id, str(bundle), "bundle")
        if not client.search_registered_models(f"name = '{EXPERIMENT}'"):
            client.create_registered_model(EXPERIMENT)
        client.create_model_version(EXPERIMENT, f"{run.artifact_uri}/bundle", run.run_id, tags=words)
        client.set_terminated(run.run_id)


@contextmanager
def _client(uri: str) -> Iterator[tuple[Any, str]]:
    """A client, and the number of the experiment there. Raises TrackingError for whatever MLflow refuses."""
    # it reports usage to its maker unless told otherwise; a clinical system reports to nobody
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # a server that is down must not keep a worker for minutes
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        client = MlflowClient(uri, uri)
        known = client.get_experiment_by_name(EXPERIMENT)
        number = client.create_experiment(EXPERIMENT, _beside(uri)) if known is None else known.experiment_id
        yield client, number
    except (MlflowException, OSError) as error:
        raise TrackingError(_without_password(f"MLflow at {uri}: {error}")) from error


def _beside(uri: str) -> str | None:
    """A database holds no files, so they stand beside it; a server has a place of its own."""
    if not uri.startswith(_SQLITE):
        return None
    database = Path(uri.removeprefix(_SQLITE)).absolute()
    database.parent.mkdir(parents=True, exist_ok=True)
    return (database.parent / "mlflow-artefacts").as_uri()


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


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
