"""The algorithms that an experiment compares with the engine, on the features of `ml.features.definitions`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, Normalizer

from ml.errors import EngineError
from ml.evaluation.folds import FoldError, grouped_folds
from ml.features.definitions import DEFINITIONS, STATES, FeatureSet

if TYPE_CHECKING:
    import optuna

FloatArray = NDArray[np.float64]
Parameters = dict[str, Any]

_ALL = tuple(definition.name for definition in DEFINITIONS)
_INNER_FOLDS = 3
# of a diagnosis, so that one that was thought impossible does not decide alone
_LEAST_PROBABILITY = 0.01


class ExperimentCancelled(EngineError):
    """Somebody asked to stop; what was finished is kept."""


@dataclass(frozen=True)
class Budget:
    """How long to tune one candidate on one training set: `trials`, which gives the same result each time, or
    `seconds`, which does not. Without any trial the defaults are taken."""

    trials: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Model:
    """An algorithm: the families of features that it reads, its scikit-learn steps, and what is tuned; `defaults` are
    the parameters of the first trial."""

    families: tuple[str, ...]
    steps: Callable[[Parameters, int, int], list[tuple[str, Any]]]
    suggest: Callable[["optuna.Trial"], Parameters]
    defaults: Parameters

    def fit(
        self, features: FeatureSet, parameters: Parameters, seed: int, rows: NDArray[np.float32],
        disease: NDArray[np.int64],
    ) -> Pipeline:  # fmt: skip
        """A pipeline over rows [n, features], fitted to diseases [n]."""
        columns = ColumnTransformer([("features", "passthrough", features.numbers_of(*self.families))])
        return Pipeline([("columns", columns), *self.steps(parameters, seed, len(rows))]).fit(rows, disease)


MODELS = {
    "naive_bayes": Model(
        (*STATES, "age_band", "sex"),
        lambda p, seed, n: [("model", BernoulliNB(**p, binarize=None))],
        lambda trial: {"alpha": trial.suggest_float("alpha", 0.01, 3.0, log=True)},
        {"alpha": 0.3},
    ),
    "logistic_regression": Model(
        _ALL,
        lambda p, seed, n: [("scale", MaxAbsScaler()), ("model", LogisticRegression(**p, max_iter=1000))],
        lambda trial: {"C": trial.suggest_float("C", 0.01, 10.0, log=True)},
        {"C": 0.2},
    ),
    "random_forest": Model(
        _ALL,
        lambda p, seed, n: [("model", RandomForestClassifier(200, **p, random_state=seed))],
        lambda trial: {
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 8),
            "max_features": trial.suggest_float("max_features", 0.02, 0.3, log=True),
        },
        {"min_samples_leaf": 2, "max_features": 0.08},
    ),
    "gradient_boosting": Model(
        _ALL,
        lambda p, seed, n: [("model", HistGradientBoostingClassifier(**p, early_stopping=False, random_state=seed))],
        lambda trial: {
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
            "max_iter": trial.suggest_int("max_iter", 30, 120),
            "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 24),
            "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 30),
        },
        {"learning_rate": 0.1, "max_iter": 60, "max_leaf_nodes": 8, "min_samples_leaf": 10},
    ),
    # rows of length 1: the Euclidean order is then that of cosines
    "nearest_neighbours": Model(
        (*STATES, "component"),
        lambda p, seed, n: [("scale", Normalizer()), ("model", KNeighborsClassifier(min(p["n_neighbors"], n)))],
        lambda trial: {"n_neighbors": trial.suggest_int("n_neighbors", 3, 40)},
        {"n_neighbors": 15},
    ),
}  # fmt: skip


def probabilities(model: Pipeline, rows: NDArray[np.float32], n_diseases: int) -> FloatArray:
    """[n, diseases]; 0 for diseases that the model never saw."""
    found = np.zeros((len(rows), n_diseases))
    if len(rows):
        found[:, model.classes_] = model.predict_proba(rows)
    return found


def tune(
    name: str, features: FeatureSet, rows: NDArray[np.float32], disease: NDArray[np.int64],
    components: NDArray[np.int64], budget: Budget, seed: int, cancelled: Callable[[], bool] = lambda: False,
) -> Parameters:  # fmt: skip
    """The parameters that make the diagnoses of held-out cases most probable; inner folds keep components together.

    Raises ExperimentCancelled.
    """
    import optuna

    model = MODELS[name]
    if budget.trials == 0:
        return model.defaults
    try:
        folds = grouped_folds(disease, components, _INNER_FOLDS, seed)
    except FoldError:
        return model.defaults  # all training cases belong together: nothing can be held out
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    n_diseases = int(disease.max()) + 1

    def objective(trial: "optuna.Trial") -> float:
        parameters = model.suggest(trial)
        told = [
            _mean_log(
                model.fit(features, parameters, seed, rows[train], disease[train]),
                rows[held], disease[held], n_diseases,
            )
            for train, held in folds
        ]  # fmt: skip
        return float(np.mean(told))

    def check(study: "optuna.Study", trial: object) -> None:
        if cancelled():
            study.stop()

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(model.defaults)
    study.optimize(objective, n_trials=budget.trials, timeout=budget.seconds, callbacks=[check])
    if cancelled():
        raise ExperimentCancelled("cancelled while tuning")
    # the time can be over before the first trial
    return dict(study.best_params) if study.trials else model.defaults


def _mean_log(
    model: Pipeline, rows: NDArray[np.float32], disease: NDArray[np.int64], n_diseases: int
) -> float:
    of_diagnosis = probabilities(model, rows, n_diseases)[np.arange(len(rows)), disease]
    return float(np.log(np.maximum(of_diagnosis, _LEAST_PROBABILITY)).mean())
