"""The files of experiments. Most hold cases or features of patients: they go when one of these is erased."""

import re
import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from apps.core.jobs import only_worker
from apps.datasets.files import holds_patient
from apps.datasets.selectors import datasets_with
from apps.lifecycle.models import Experiment
from apps.lifecycle.selectors import unfinished_experiments

CASES, COMPARING, ORGANISATIONS = "cases", "comparing", "organisations.jsonl"
_COMPARISON = "comparison"  # as `ml.training.experiment` names them
_PLOT = re.compile(r"[a-z]+(-[a-z_]+)?")


class StillAtWork(Exception):
    """A worker is in the folder; it stops at its next step."""


def folder_of(experiment_id: UUID) -> Path:
    """Where an experiment keeps its cases, features and plots, whether it is there or not."""
    return settings.DATA_STORE / "experiments" / str(experiment_id)


def bundle_folder(experiment_id: UUID) -> Path:
    """Where the model that comes of it stands."""
    folder: Path = settings.MODEL_STORE / f"run-{experiment_id}"
    return folder


def comparison_folder(experiment_id: UUID) -> Path:
    """Table and plots of the comparison."""
    return folder_of(experiment_id) / COMPARING / _COMPARISON


def plots_of(experiment: Experiment) -> list[str]:
    """The names of its plots, accuracy first."""
    names = {path.stem for path in comparison_folder(experiment.pk).glob("*.png")}
    return sorted(filter(_PLOT.fullmatch, names), key=lambda name: (name.startswith("confusion"), name))


def read_plot(experiment: Experiment, name: str) -> bytes | None:
    """A plot as PNG; None where there is none of that name."""
    if not _PLOT.fullmatch(name):
        return None
    try:
        return (comparison_folder(experiment.pk) / f"{name}.png").read_bytes()
    except OSError:
        return None


def experiments_with(*, patient_id: UUID) -> list[UUID]:
    """The experiments whose folders hold a case of the patient, also those of which the database knows nothing."""
    found = []
    for folder in sorted((settings.DATA_STORE / "experiments").glob("*-*")):
        # Whatever else is made of the cases is made after these, and a folder appears whole or not at all.
        files = sorted(folder.glob(f"{CASES}/*.jsonl.gz")) + sorted(folder.glob(f".{CASES}-*/*.jsonl.gz"))
        if any(holds_patient(path, patient_id) for path in files):
            found.append(UUID(folder.name))
    return found


def delete_folders(*, patient_id: UUID) -> None:
    """Delete what experiments keep of the patient and of others with him; their datasets are withdrawn before.

    Raises StillAtWork while a worker reads or writes one of them. Idempotent.
    """
    datasets = datasets_with(patient_id=patient_id)
    # One under way may have read his cases and not yet written them.
    at_work = unfinished_experiments().filter(Q(datasets__in=datasets) | Q(evaluation__in=datasets))
    for experiment_id in {*experiments_with(patient_id=patient_id), *at_work.values_list("pk", flat=True)}:
        _delete_folder(experiment_id)


def _delete_folder(experiment_id: UUID) -> None:
    with only_worker(experiment_id) as is_free:
        if not is_free:
            raise StillAtWork(str(experiment_id))
        folder = folder_of(experiment_id)
        if not folder.is_dir():
            return
        # The cases last, for by them the folder is found again after a crash.
        for part in folder.iterdir():
            if part.name != CASES:
                shutil.rmtree(part)
        shutil.rmtree(folder)
