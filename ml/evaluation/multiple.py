"""Several tests at once: how small a p-value must be when many are looked at."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values [m] adjusted such that the chance of any false alarm among all m tests stays at the level.

    It holds however the tests depend on each other (Holm 1979, Scandinavian Journal of Statistics 6:65-70).
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted
