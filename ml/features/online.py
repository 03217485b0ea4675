"""The features of known cases by key, for serving: numpy only, the file mapped into memory."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.errors import EngineError

KEYS, ROWS, PARAMETERS = "online_keys.json", "online.npy", "parameters.npz"


class UnknownCase(EngineError, KeyError):
    """The store has no row of this case."""

    def __str__(self) -> str:
        return str(self.args[0])


class OnlineFeatures:
    """The newest row [features] of each case of one materialised folder (`ml.features.store`)."""

    def __init__(self, number: Mapping[str, int], rows: NDArray[np.float32]) -> None:
        self._number = number
        self._rows = rows

    @classmethod
    def open(cls, folder: Path) -> "OnlineFeatures":
        """Map the rows of a folder. Raises OSError."""
        keys = json.loads((folder / KEYS).read_bytes())
        rows = np.load(folder / ROWS, mmap_mode="r", allow_pickle=False)
        return cls({key: number for number, key in enumerate(keys)}, rows)

    def row(self, case: str) -> NDArray[np.float32]:
        """The features of one case. Raises UnknownCase."""
        if case not in self._number:
            raise UnknownCase(f"{case}: the feature store holds no such case")
        return np.array(self._rows[self._number[case]])
