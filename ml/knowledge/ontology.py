"""Reads the Human Phenotype Ontology from OBO (through fastobo) or OBO Graphs JSON.

fastobo keeps what the product needs and other parsers drop: synonym scopes, and obsolete terms with `replaced_by`
and `consider`. Its own reader of OBO Graphs goes through YAML and takes minutes for hp.json, hence the small one here.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastobo

from ml.knowledge.model import PHENOTYPIC_ABNORMALITY, ROOT, Synonym, Term

_HPO_ID = re.compile(r"HP:\d{7}$")
_RELEASE = re.compile(r"(\d{4}-\d{2}-\d{2})")
_SCOPES = {
    "hasExactSynonym": "EXACT",
    "hasBroadSynonym": "BROAD",
    "hasNarrowSynonym": "NARROW",
    "hasRelatedSynonym": "RELATED",
}


class OntologyError(ValueError):
    """The file is not a usable release of HPO; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Ontology:
    """A release (ISO date) and its terms in order of id: the live ones below HP:0000001, and the obsolete ones."""

    release: str
    terms: tuple[Term, ...]


def read_ontology(path: Path) -> Ontology:
    """Read hp.obo or hp.json. Raises OntologyError."""
    try:
        release, terms = _read_json(path) if path.suffix == ".json" else _read_obo(path)
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise OntologyError(f"{path.name} cannot be read as an ontology: {error}") from error
    return Ontology(release, tuple(_check(release, terms, path.name)))


def _read_obo(path: Path) -> tuple[str, list[Term]]:
    document = fastobo.load(str(path))
    versions = [c.raw_value() for c in document.header if c.raw_tag() == "data-version"]
    terms = [_term_of_frame(frame) for frame in document if isinstance(frame, fastobo.term.TermFrame)]
    return _release(versions), terms


def _term_of_frame(frame: Any) -> Term:
    values: dict[str, list[str]] = {}
    synonyms: list[Synonym] = []
    definition = None
    for clause in frame:
        tag = clause.raw_tag()
        if tag == "synonym":
            synonyms.append(Synonym(str(clause.synonym.desc), str(clause.synonym.scope)))
        elif tag == "def":
            definition = str(clause.definition)
        else:
            values.setdefault(tag, []).append(clause.raw_value())
    return _term(
        id=str(frame.id),
        label=(values.get("name") or [""])[0],
        definition=definition,
        synonyms=synonyms,
        alt_ids=values.get("alt_id", ()),
        parents=values.get("is_a", ()),
        obsolete=values.get("is_obsolete") == ["true"],
        replaced_by=values.get("replaced_by", ()),
        consider=values.get("consider", ()),
    )


def _read_json(path: Path) -> tuple[str, list[Term]]:
    with path.open(encoding="utf-8") as stream:
        graph = json.load(stream)["graphs"][0]
    parents: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        if edge["pred"] == "is_a":
            parents.setdefault(_curie(edge["sub"]), []).append(_curie(edge["obj"]))
    terms = [_term_of_node(node, parents) for node in graph["nodes"] if node.get("type", "CLASS") == "CLASS"]
    meta = graph.get("meta", {})
    versions = [meta.get("version", "")]
    versions += [v["val"] for v in meta.get("basicPropertyValues", ()) if v["pred"].endswith("versionInfo")]
    return _release(versions), terms


def _term_of_node(node: dict[str, Any], parents: dict[str, list[str]]) -> Term:
    meta = node.get("meta", {})
    properties: dict[str, list[str]] = {}
    for item in meta.get("basicPropertyValues", ()):
        properties.setdefault(re.split(r"[#/]", item["pred"])[-1], []).append(_curie(item["val"]))
    identity = _curie(node["id"])
    return _term(
        id=identity,
        label=node.get("lbl", ""),
        definition=meta.get("definition", {}).get("val"),
        synonyms=[Synonym(s["val"], _SCOPES.get(s["pred"], "RELATED")) for s in meta.get("synonyms", ())],
        alt_ids=properties.get("hasAlternativeId", ()),
        parents=parents.get(identity, ()),
        obsolete=bool(meta.get("deprecated", False)),
        replaced_by=properties.get("IAO_0100001", ()),  # "term replaced by"
        consider=properties.get("consider", ()),
    )


def _term(
    *, id: str, label: str, definition: str | None, synonyms: Iterable[Synonym], alt_ids: Iterable[str],
    parents: Iterable[str], obsolete: bool, replaced_by: Iterable[str], consider: Iterable[str],
) -> Term:  # fmt: skip
    replacement = [value for value in replaced_by if _HPO_ID.match(value)]
    return Term(
        id=id,
        label=re.sub(r"^obsolete\s+", "", label) if obsolete else label,
        definition=definition,
        synonyms=tuple(sorted(set(synonyms))),
        alt_ids=tuple(sorted(v for v in set(alt_ids) if _HPO_ID.match(v))),
        parents=tuple(sorted(v for v in set(parents) if _HPO_ID.match(v))),
        obsolete=obsolete,
        replaced_by=replacement[0] if replacement else None,
        consider=tuple(sorted(v for v in set(consider) if _HPO_ID.match(v))),
    )


def _curie(address: str) -> str:
    return re.sub(r"^.*/([A-Za-z]+)_(\d+)$", r"\1:\2", address)


def _release(versions: Iterable[str]) -> str:
    for version in versions:
        if match := _RELEASE.search(version):
            return match.group(1)
    raise ValueError("it names no release date (data-version)")


def _check(release: str, terms: Iterable[Term], name: str) -> Iterator[Term]:
    by_id = {term.id: term for term in terms if _HPO_ID.match(term.id)}
    for needed in (ROOT, PHENOTYPIC_ABNORMALITY):
        if needed not in by_id:
            raise OntologyError(f"{name} (release {release}) has no term {needed}: it is not the HPO")
    children: dict[str, list[str]] = {}
    for term in by_id.values():
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    below: set[str] = set()
    stack = [ROOT]
    while stack:
        identity = stack.pop()
        if identity not in below:
            below.add(identity)
            stack.extend(children.get(identity, ()))
    for identity in sorted(by_id):
        if by_id[identity].obsolete or identity in below:
            yield by_id[identity]
