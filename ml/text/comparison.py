"""The libraries to compare with, over the same terms, when they are installed: fenominal and FastHPOCR.

They are no dependencies. Both read an ontology from a file, which is written here from the terms.
"""

import contextlib
import importlib
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ml.knowledge import Term

_BASE = "http://purl.obolibrary.org/obo/"


def fenominal(
    terms: Iterable[Term], folder: Path, say: Callable[[str], None]
) -> Callable[[str], set[str]] | None:
    """Fenominal over `terms`, or None when it is not installed."""
    library = _import("fenominal")
    if library is None:
        return None
    path = folder / "hp.json"
    path.write_text(json.dumps(_obographs(terms)), encoding="utf-8")
    say("fenominal: loading")
    recogniser = library.Fenominal(str(path))
    return lambda text: {hit["termId"] for hit in json.loads(recogniser.map_text(text))}


def fasthpocr(
    terms: Iterable[Term], folder: Path, say: Callable[[str], None]
) -> Callable[[str], set[str]] | None:
    """FastHPOCR over `terms` with the longest match, which is its better setting, or None when it is not installed."""
    indexer, annotator, knowledge_base = (
        _import(f"FastHPOCR.{name}") for name in ("IndexHPO", "HPOAnnotator", "cr.CRIndexKB")
    )
    if indexer is None or annotator is None or knowledge_base is None:
        return None
    path = folder / "hp.obo"
    path.write_text(_obo(terms), encoding="utf-8")
    say("FastHPOCR: building its index")
    _group_words_at_once(knowledge_base.CRIndexKB)
    with contextlib.redirect_stdout(io.StringIO()):
        indexer.IndexHPO(str(path), str(folder)).index()
    recogniser = annotator.HPOAnnotator(str(folder / "hp.index"))
    return lambda text: {hit.hpoUri for hit in recogniser.annotate(text, longestMatch=True)}


def _group_words_at_once(knowledge_base: Any) -> None:
    """The same index in half a minute: its own way goes through all 573,507 words once for each group of words."""
    grouped: dict[int, dict[str, list[str]]] = {}

    def words_of_group(self: Any, group: str, groups: dict[str, str]) -> list[str]:
        if id(groups) not in grouped:
            by_group: dict[str, list[str]] = {}
            for word, its_group in groups.items():
                by_group.setdefault(its_group, []).append(word)
            grouped[id(groups)] = by_group
        return list(grouped[id(groups)].get(group, []))

    knowledge_base.compileClusterList = words_of_group


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _obographs(terms: Iterable[Term]) -> dict[str, Any]:
    nodes, edges = [], []
    for term in terms:
        if term.obsolete:
            continue
        identity = _BASE + term.id.replace(":", "_")
        synonyms = [{"pred": f"has{s.scope.capitalize()}Synonym", "val": s.text} for s in term.synonyms]
        nodes.append({"id": identity, "lbl": term.label, "type": "CLASS", "meta": {"synonyms": synonyms}})
        edges += [{"sub": identity, "pred": "is_a", "obj": _BASE + p.replace(":", "_")} for p in term.parents]
    meta = {"version": f"{_BASE}hp/releases/2025-01-16/hp.json"}
    return {"graphs": [{"id": f"{_BASE}hp.json", "nodes": nodes, "edges": edges, "meta": meta}]}


def _obo(terms: Iterable[Term]) -> str:
    lines = ["format-version: 1.2", "ontology: hp", ""]
    for term in terms:
        if term.obsolete:
            continue
        lines += ["[Term]", f"id: {term.id}", f"name: {_escaped(term.label)}"]
        for synonym in term.synonyms:
            quoted = synonym.text.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'synonym: "{quoted}" {synonym.scope} []')
        lines += [f"is_a: {parent}" for parent in term.parents]
        lines.append("")
    return "\n".join(lines)


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("{", "\\{").replace("!", "\\!")
