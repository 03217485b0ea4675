"""Columns of ciphertext, read and written as text."""

from typing import Any

from apps.core.encryption.cipher import open_sealed, seal


class sealed(property):
    """The text of the binary column `column` of a model that has `data_key()`; "" where the column is empty.

    Text of length 0 is stored as no ciphertext: whether a
    field is filled in is no secret, and an empty column costs nothing.
    """

    def __init__(self, column: str) -> None:
        self.column = column
        super().__init__(self._read, self._write)

    def place(self, row: Any) -> str:
        """What the ciphertext is bound to: "app.model.column:pk"."""
        return f"{row._meta.label_lower}.{self.column}:{row.pk}"

    def _read(self, row: Any) -> str:
        box = bytes(getattr(row, self.column))
        return open_sealed(row.data_key(), box, self.place(row)).decode() if box else ""

    def _write(self, row: Any, text: str) -> None:
        box = seal(row.data_key(), text.encode(), self.place(row)) if text else b""
        setattr(row, self.column, box)
