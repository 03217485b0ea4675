"""Folds through which nothing leaks: cases that share a publication, patient or family stay on one side."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold

from ml.errors import EngineError

IntArray = NDArray[np.int64]


class FoldError(EngineError, ValueError):
    """The cases cannot be split so; the message says why."""


def components_of(groups: Sequence[Sequence[str]]) -> IntArray:
    """[cases]: a number for each set of cases that are connected through shared groups, directly or over others."""
    numbers: dict[str, int] = {}
    case, group = [], []
    for i, names in enumerate(groups):
        for name in names:
            case.append(i)
            group.append(len(groups) + numbers.setdefault(name, len(numbers)))
    n = len(groups) + len(numbers)
    links = coo_matrix((np.ones(len(case)), (case, group)), (n, n))
    return connected_components(links, directed=False)[1][: len(groups)].astype(np.int64)


def grouped_folds(
    disease: IntArray, components: IntArray, n_folds: int, seed: int
) -> list[tuple[IntArray, IntArray]]:
    """(training, held-out) case numbers of each fold, by disease as far as groups allow. Raises FoldError."""
    n_groups = len(np.unique(components))
    if not 2 <= n_folds <= n_groups:
        raise FoldError(f"{n_folds} folds of {n_groups} groups of cases; 2 to {n_groups} were expected")
    # scikit-learn refuses where no disease has as many cases as there are folds
    strata = disease if np.bincount(disease).max() >= n_folds else np.zeros(len(disease), np.int64)
    with warnings.catch_warnings():
        # a disease with fewer cases than folds is missing from some fold, which the strata show
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
        splits = list(splitter.split(strata, strata, components))
    # one large group can leave a fold empty
    return [(train, held) for train, held in splits if len(held)]


def without_leaks(train: IntArray, held: IntArray, components: IntArray) -> IntArray:
    """Those of the training cases that are not connected to a held-out one."""
    return train[~np.isin(components[train], components[held])]
