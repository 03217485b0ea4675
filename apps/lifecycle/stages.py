"""What the worker does for an experiment, stage by stage.

A stage that is done is not done again: its result stands in the row, or in a folder that appears whole or not at all.
So a worker that was killed, or a cancelled experiment that is taken up again, goes on where it stopped.
"""

import gzip
import json
import logging
import shutil
import time
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.accounts.actors import SYSTEM
from apps.accounts.selectors import in_each_organisation
from apps.cases.selectors import which_cases
from apps.core.problems import Conflict
from apps.datasets.models import DatasetVersion
from apps.datasets.services import snapshot_confirmed_cases
from apps.knowledge.selectors import current_release
from apps.lifecycle.folders import (
    CASES,
    COMPARING,
    ORGANISATIONS,
    bundle_folder,
    comparison_folder,
    folder_of,
)
from apps.lifecycle.models import ENGINE, Experiment
from apps.registry.gates import INSUFFICIENT, record_gates
from apps.registry.models import GateReport, ModelVersion
from apps.registry.selectors import active_model
from apps.registry.services import register_model
from ml.errors import EngineError
from ml.training.memory import MemoryMeter

logger = logging.getLogger(__name__)

Say = Callable[[int, str], object]
NO_TRACKING = "none"


class Stopped(Exception):
    """Somebody cancelled the experiment; what was finished is kept."""


class Stages:
    """The work of one experiment; `say` hears percent and step, as the row does."""

    def __init__(self, experiment: Experiment, say: Say = lambda percent, step: None) -> None:
        self._experiment = experiment
        self._say = say
        self._percent = 0

    def run(self) -> None:
        """Do what is not done yet. Raises Stopped, Conflict where data are missing, and what the stages raise."""
        folder = folder_of(self._experiment.pk)
        # name, percent at which it begins, its first words, whether it was done, the work
        stages: list[tuple[str, int, str, Callable[[], bool], Callable[[], None]]] = [
            ("collect", 1, "collecting confirmed cases", self._experiment.datasets.exists, self._collect),
            ("hold_out", 3, "holding cases out", (folder / CASES).exists, self._hold_out),
            ("compare", 5, "trying the algorithms", self._is_compared, self._compare),
            ("train", 45, "reading knowledge and cases", bundle_folder(self._experiment.pk).exists, self._train),
            ("register", 70, "registering the candidate", lambda: self._experiment.model is not None, self._register),
            ("judge", 72, "judging by the gates", lambda: self._experiment.gates is not None, self._judge),
            ("track", 95, "noting it in MLflow", lambda: False, self._track),
        ]  # fmt: skip
        for name, percent, words, is_done, work in stages:
            self._percent = percent
            self._tell(percent, words)
            if not is_done():
                self._measured(name, work)

    def _measured(self, name: str, work: Callable[[], None]) -> None:
        """Do a stage, and note what it took, also where it did not get to its end."""
        started = time.perf_counter()
        try:
            with MemoryMeter() as memory:
                work()
        finally:
            before = self._experiment.record.get("steps", {}).get(name, {})
            took = {
                "seconds": before.get("seconds", 0.0) + time.perf_counter() - started,
                "peak_bytes": max(before.get("peak_bytes", 0), memory.peak or 0),
            }
            self._note(steps=self._experiment.record.get("steps", {}) | {name: took})

    def _note(self, **what: Any) -> None:
        self._experiment.record |= what
        self._experiment.save(update_fields=["record"])

    def _tell(self, percent: int, step: str) -> None:
        """A step begins, or should not. Raises Stopped and Conflict."""
        self._check()
        self._percent = max(percent, self._percent)
        self._experiment.report(self._percent, step.strip()[:200])
        self._say(self._percent, step)

    def _check(self) -> None:
        if Experiment.objects.filter(pk=self._experiment.pk, cancel_asked_at__isnull=False).exists():
            raise Stopped
        if self._withdrawn():
            raise Conflict("Somebody in the data was erased since; begin another experiment.")

    def _withdrawn(self) -> bool:
        chosen = DatasetVersion.objects.filter(experiments=self._experiment) | DatasetVersion.objects.filter(
            judged=self._experiment
        )
        return chosen.filter(withdrawn_at__isnull=False).exists()

    def _must_end(self) -> bool:
        try:
            self._check()
        except (Stopped, Conflict):
            return True
        return False

    # --- The stages -------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        with transaction.atomic():
            self._experiment.datasets.set([snapshot_confirmed_cases(actor=SYSTEM)])

    @cached_property
    def _release(self) -> Any:
        release = self._experiment.release or current_release()
        if release is None:
            raise Conflict("No knowledge is loaded; run `manage.py load_knowledge` first.")
        return release

    @property
    def _knowledge(self) -> Path:
        return Path(self._release.folder)

    def _case_file(self, name: str) -> Path:
        return folder_of(self._experiment.pk) / CASES / name

    def _hold_out(self) -> None:
        from ml.folders import write_folder
        from ml.training.holdout import HELD, REPORT, split_cases
        from ml.training.provenance import code_version, lock_hash

        learned, judging = (
            list(chosen.order_by("id")) for chosen in (self._experiment.datasets, self._experiment.evaluation)
        )
        files = split_cases([Path(d.path) for d in learned], [Path(d.path) for d in judging])
        files[ORGANISATIONS] = _organisations(files[HELD])
        self._experiment.release = self._release
        self._experiment.save(update_fields=["release"])
        self._note(
            code=code_version(),
            lock_sha256=lock_hash(),
            knowledge=self._release.version,
            datasets=[{"hash": d.content_hash, "n_cases": d.n_cases} for d in learned],
            evaluation=[{"hash": d.content_hash, "n_cases": d.n_cases} for d in judging],
            cases=json.loads(files[REPORT]),
        )
        write_folder(folder_of(self._experiment.pk) / CASES, files)

    def _is_compared(self) -> bool:
        return self._experiment.candidates == [ENGINE] or (
            self._experiment.comparison is not None and comparison_folder(self._experiment.pk).exists()
        )

    def _compare(self) -> None:
        from ml.training.experiment import Experiment as Comparison
        from ml.training.experiment import ExperimentError, run_experiment
        from ml.training.holdout import HELD, TRAIN
        from ml.training.models import Budget, ExperimentCancelled

        out = folder_of(self._experiment.pk) / COMPARING
        wanted = Comparison(
            (self._case_file(TRAIN),), self._knowledge, tuple(self._experiment.candidates),
            # Sets that were named to judge compare the algorithms, too; else folds of what they learn from.
            test=(self._case_file(HELD),) if self._experiment.record["cases"]["named"] else (),
            n_folds=self._experiment.folds, budget=Budget(trials=self._experiment.trials),
            seed=self._experiment.seed,
        )  # fmt: skip

        def progress(step: str, done: int, total: int) -> None:
            self._tell(5 + 40 * done // total, f"trying the algorithms: {step}")

        try:
            try:
                found = run_experiment(wanted, out, progress, self._must_end)
            except ExperimentError:
                # What is there was made by another version of the code; the two must not be mixed.
                shutil.rmtree(out)
                found = run_experiment(wanted, out, progress, self._must_end)
        except ExperimentCancelled:
            self._check()
            raise
        except EngineError as problem:
            # Such as too few cases for folds: no reason not to train the engine.
            self._note(comparison_problem=str(problem))
            return
        self._experiment.comparison = {
            "run": found["run"],
            "dataset": found["dataset"] | {"unreadable": len(found["dataset"]["unreadable"])},
            "candidates": found["candidates"],
        }
        self._experiment.save(update_fields=["comparison"])

    def _train(self) -> None:
        # Brings scikit-learn and the exporter: seconds to import, so only where and when a model is trained.
        from ml.training.holdout import TRAIN
        from ml.training.train import train

        percent = {"reading": 46, "fitting": 48, "exporting": 53, "checking": 58, "writing": 69}
        # Where every case is held out, knowledge alone makes the candidate.
        files = [self._case_file(TRAIN)] if self._experiment.record["cases"]["train"] else []
        train(
            bundle_folder(self._experiment.pk),
            self._knowledge,
            files,
            say=lambda step: self._tell(percent.get(step.split()[0], self._percent), step),
        )

    @transaction.atomic
    def _register(self) -> None:
        model, _is_new = register_model(actor=SYSTEM, folder=bundle_folder(self._experiment.pk))
        self._experiment.model = model
        self._experiment.save(update_fields=["model"])

    def _judge(self) -> None:
        report = self._gates()
        with transaction.atomic():
            model = cast(ModelVersion, self._experiment.model)
            self._experiment.gates = record_gates(actor=SYSTEM, model=model, results=report.pop("gates"))
            self._experiment.record |= {"judged": report}
            self._experiment.save(update_fields=["gates", "record"])

    def _gates(self) -> dict[str, Any]:
        from ml.evaluation.gates.measure import check_release
        from ml.evaluation.gates.thresholds import read_thresholds
        from ml.serving.phenopacket import CaseFileError
        from ml.training.holdout import HELD

        running = active_model()
        if running is None:
            return _no_evidence("No model answers yet, so there is none to compare this one with.")
        try:
            report = check_release(
                bundle_folder(self._experiment.pk),
                Path(running.folder),
                [self._case_file(HELD)],
                subgroups=self._case_file(ORGANISATIONS),
                limits=read_thresholds(Path(settings.GATE_THRESHOLDS) if settings.GATE_THRESHOLDS else None),
                say=lambda step: self._tell(self._percent + 5, f"judging by the gates: {step}"),
            )
        except CaseFileError as problem:
            return _no_evidence(f"No held-out case can judge: {problem}.")
        learned = Experiment.objects.filter(model=running, datasets__in=self._experiment.evaluation.all())
        return report | {"running_number": running.number, "running_learned_from_them": learned.exists()}

    def _track(self) -> None:
        """In MLflow, which is never read back; where it fails, that is noted and nothing else."""
        uri = settings.MLFLOW_TRACKING_URI
        if uri == NO_TRACKING:
            return
        from ml.training.tracking import TrackingError, log_bundle, log_comparison

        experiment, model = self._experiment, cast(ModelVersion, self._experiment.model)
        gates = cast(GateReport, experiment.gates)
        tags = {
            "experiment": experiment.pk,
            "model_number": model.number,
            "model_hash": model.artefact_hash,
            "verdict": experiment.verdict,
            "seed": experiment.seed,
            "trigger": experiment.trigger,
        } | {name: experiment.record[name] for name in ("code", "lock_sha256", "knowledge")}
        try:
            if experiment.comparison is not None:
                log_comparison(experiment.comparison, comparison_folder(experiment.pk), uri)
            log_bundle(bundle_folder(experiment.pk), f"model {model.number}", tags, gates.results, uri)
        except TrackingError as problem:
            self._note(tracking_problem=str(problem)[:500])
        except Exception as problem:  # of the libraries below MLflow; their texts may hold a password
            logger.warning("experiment %s was not noted in MLflow: %s", experiment.pk, type(problem).__name__)
            self._note(tracking_problem=type(problem).__name__)
        else:
            self._note(tracked_at=timezone.now().isoformat(), tracking_problem="")


def _no_evidence(reason: str) -> dict[str, Any]:
    return {
        "gates": [
            {
                "name": "evaluation",
                "figure": None,
                "threshold": None,
                "verdict": INSUFFICIENT,
                "reason": reason,
            }
        ]
    }


def _organisations(held: bytes) -> bytes:
    """Of which organisation each held-out case is, where it is of one: an opaque name, for all will read it."""
    ids = [json.loads(line)["id"] for line in gzip.decompress(held).splitlines()]
    known: Collection[UUID] = [UUID(identity) for identity in ids if _is_uuid(identity)]
    found = in_each_organisation(lambda organisation_id: (organisation_id, which_cases(ids=known)))
    lines = [
        json.dumps({"id": str(case), "organisation": organisation_id.hex[-8:]}) + "\n"
        for organisation_id, cases in found
        for case in sorted(cases)
    ]
    return "".join(lines).encode()


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
