"""Raw bytes kept as they came, each under the SHA-256 of its content, in a folder that fsspec knows."""

import hashlib
import uuid

import fsspec


def keep_blob(content: bytes, snapshot: str) -> str:
    """Write bytes once under their SHA-256, which is returned; `blob_of` reads them."""
    digest = hashlib.sha256(content).hexdigest()
    files, root = fsspec.core.url_to_fs(f"{snapshot.rstrip('/')}/{digest[:2]}")
    path = f"{root}/{digest}"
    if not files.exists(path):
        files.makedirs(root, exist_ok=True)
        # whole or not at all: a killed run leaves nothing under the name of what it is not
        half = f"{path}.{uuid.uuid4().hex}.half"
        files.pipe_file(half, content)
        files.mv(half, path)
    return digest


def blob_of(snapshot: str, digest: str) -> bytes:
    """A kept blob. Raises ValueError when it is no longer what was kept."""
    with fsspec.open(f"{snapshot.rstrip('/')}/{digest[:2]}/{digest}", "rb") as file:
        content: bytes = file.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{digest}: the kept file was changed")
    return content
