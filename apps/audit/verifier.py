#!/usr/bin/env python3
"""Checks, with Python's standard library alone, that an event of Hoofbeat's audit trail was sealed as it is shown.

    python verifier.py PROOF.json ANCHOR

PROOF.json comes from the auditors' page or `manage.py prove_prediction`; ANCHOR is a file of anchored blocks, one JSON
object a line, or one of its lines, from wherever blocks are anchored: not from the database. Exit code 0: proven; 1:
not; 2: the files cannot be read.

Sealing uses the same definitions, so that they cannot drift apart:
leaf = SHA-256(0x00 || event), node = SHA-256(0x01 || left || right) (RFC 9162 section 2.1.1), block = SHA-256(0x02 ||
header), where event and header are canonical JSON: RFC 8785, of strings, lists and whole numbers only.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HEADER = ("number", "previous", "root", "size", "sealed_at")
FIRST = "0" * 64  # what the first block has in place of a block before it


def canonical(content: dict[str, Any]) -> bytes:
    """RFC 8785 for objects whose values are strings, whole numbers and lists of them."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def leaf_hash(event: bytes) -> bytes:
    """The hash of an event's canonical JSON (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(b"\x00" + event).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def block_hash(block: dict[str, Any]) -> str:
    """The hash of a block's header in hexadecimal; through `previous` it holds all blocks before."""
    header = canonical({name: block[name] for name in HEADER})
    return hashlib.sha256(b"\x02" + header).hexdigest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle Tree Hash of at least one leaf hash (RFC 9162 section 2.1.1)."""
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return _node(merkle_root(leaves[:k]), merkle_root(leaves[k:]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index` from below (RFC 9162 section 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if index < k:
        return [*inclusion_path(leaves[:k], index), merkle_root(leaves[k:])]
    return [*inclusion_path(leaves[k:], index - k), merkle_root(leaves[:k])]


def root_from_path(leaf: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes:
    """The root that the path leads to (RFC 9162 section 2.1.3.2). ValueError: it is too short or too long."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the tree")
    fn, sn, result = index, size - 1, leaf
    for node in path:
        if sn == 0:
            raise ValueError("the path is too long")
        if fn & 1 or fn == sn:
            result = _node(node, result)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = _node(result, node)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ValueError("the path is too short")
    return result


def check(proof: dict[str, Any], anchored: Iterable[dict[str, Any]]) -> str:
    """What is wrong with the proof, given what was anchored; empty when nothing is."""
    block = proof["block"]
    leaf = leaf_hash(canonical(proof["event"]))
    try:
        root = root_from_path(leaf, proof["index"], block["size"], map(bytes.fromhex, proof["path"]))
    except ValueError as error:
        return f"the path does not fit: {error}"
    if root.hex() != block["root"]:
        return "the event, its place or its path is not what the block was made of"
    digest = block_hash(block)
    for line in anchored:
        if line["number"] == block["number"]:
            if line["hash"] == digest == block_hash(line):
                return ""
            return f"block {block['number']} was anchored as another one"
    return f"block {block['number']} is not in the anchor"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        proof = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        lines = Path(arguments[1]).read_text(encoding="utf-8").splitlines()
        wrong = check(proof, [json.loads(line) for line in lines if line])
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"These files cannot be read as a proof and an anchor: {error!r}\n")
        return 2
    if wrong:
        sys.stdout.write(f"NOT PROVEN: {wrong}\n")
        return 1
    event, block = proof["event"], proof["block"]
    sys.stdout.write(
        f"Proven: event {event['sequence']} ({event['action']}, {event['occurred_at']}) is in block {block['number']}, "
        f"sealed {block['sealed_at']} and anchored as {block_hash(block)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
