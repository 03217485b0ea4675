"""Files, folders, patterns and buckets, through fsspec: local, S3 (extra `aws`), Azure Blob (extra `azure`)."""

import glob
from collections.abc import Iterator

import fsspec

from ml.data.connectors import Blob, Source, SourceError
from ml.data.connectors.roots import check_bucket, check_path
from ml.serving.phenopacket import LineError

# Chained URLs ("zip::...") and protocols that run commands or reach other machines are not for a form's text.
PROTOCOLS = ("file", "memory", "s3", "az", "abfs", "abfss")
_PATTERN = "*?["


def check_files(source: Source) -> None:
    """Whether the location is one that may be read. Raises SourceError."""
    location = source.location
    protocol = _protocol(location)
    if protocol not in PROTOCOLS or "::" in location:
        raise SourceError(f"location: {protocol} is not read; one of {', '.join(PROTOCOLS)} was expected")
    if protocol == "file":
        check_path(location.removeprefix("file://"), source.roots)
    elif protocol != "memory" and not source.credentials and source.options.get("anon") is not True:
        check_bucket(location, source.roots)


def _protocol(location: str) -> str:
    return location.partition("://")[0] if "://" in location else "file"


def read_files(source: Source) -> Iterator[Blob | LineError]:
    """Every file that `location` means, in order of name; hidden ones are passed over.

    `options` and `credentials` go to the file system as they are (`endpoint_url`, `key`, `secret`, `account_name` ...).
    A file that cannot be read gives a LineError.
    """
    check_files(source)
    location = source.location
    files, root = fsspec.core.url_to_fs(location, **source.options, **source.credentials)
    if any(sign in root for sign in _PATTERN):
        names = files.glob(root)
    elif files.isdir(root):
        names = files.find(root)
    else:
        names = [root]
    names = sorted(name for name in names if not name.rpartition("/")[2].startswith("."))
    if not names or (names == [root] and not files.exists(root)):
        raise SourceError("there is no such file")
    for path in names:
        if _protocol(location) == "file":
            check_path(glob.escape(path), source.roots)  # a link may lead elsewhere
        inside = path.removeprefix(root).lstrip("/")
        name = inside if inside and inside != path.lstrip("/") else path.rpartition("/")[2]
        try:
            content = files.cat_file(path)
        except Exception as error:  # each store has errors of its own
            yield LineError(0, f"cannot be read: {type(error).__name__}", name)
        else:
            yield Blob(name, content)
