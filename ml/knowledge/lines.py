"""Lines of a text file, plain or gzipped, with errors that name file and line."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

_GZIP = b"\x1f\x8b"


class SourceFileError(ValueError):
    """A source file cannot be read; the message names the file, the line where there is one, and what was expected."""


def line_error(path: Path, number: int, detail: str) -> SourceFileError:
    """The error for one line, counted from 1."""
    return SourceFileError(f"{path.name}, line {number}: {detail}")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(number from 1, line without its end) of a UTF-8 file. Raises SourceFileError."""
    number = 0
    try:
        with path.open("rb") as stream:
            zipped = stream.read(2) == _GZIP
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise line_error(path, number, f"it is not UTF-8 ({error.reason})") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise line_error(path, number + 1, f"the compressed file is damaged ({error})") from error
    except OSError as error:
        raise SourceFileError(f"{path} cannot be read: {error.strerror or error}") from error
