"""Ranks diseases for one patient, through onnxruntime."""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ml.features.cases import CaseTable
from ml.features.encode import encode_patient
from ml.features.evidence import AnnotationTable
from ml.serving import query as queries
from ml.serving.about import AboutTable
from ml.serving.artefact import (
    ABOUT,
    ANNOTATIONS,
    CASES,
    DISEASES,
    MODEL,
    PRIORS,
    PROFILES,
    TERMS,
    Bundle,
    Manifest,
    json_lines,
    read_bundle,
    unpack_arrays,
    unpack_cases,
    unpack_table,
)
from ml.serving.asking import Asker, Question, Ranked
from ml.serving.explanation import Explainer, Explanation, UnknownDisease
from ml.serving.groups import DiseaseGroup, Grouper
from ml.serving.likelihoods import FindingModel
from ml.serving.pairs import DiseasePair, PairLimit, scored_pairs
from ml.serving.priors import Prior, PriorBasis, Priors
from ml.serving.query import Query
from ml.serving.sets import SetLimits
from ml.serving.sufficiency import Kinds, Limits, Sufficiency, Wanted, detail_of, level_of
from ml.serving.vocabulary import Vocabulary

MOST_RANKED = 100


@dataclass(frozen=True, slots=True)
class RankedDisease:
    """One place of the list; rank counts from 1, `rarity` is "rare", "common" or None (not known).

    `ids` are all ids that mean the disease, `id` first; `group` is the index of its group in `Prediction.groups`;
    `in_set` says whether the disease is in the set that `Prediction.set_coverage` speaks of.
    """

    rank: int
    id: str
    name: str
    probability: float
    score: float
    rarity: str | None
    ids: tuple[str, ...]
    group: int | None
    in_set: bool


@dataclass(frozen=True, slots=True)
class Prediction:
    """A ranked list, best first, the seconds that it took, the prior that it was made with, and groups in the list.

    `none_of_these` is the probability that no candidate is the diagnosis; with it the probabilities of all candidates
    add up to 1. Of patients whose disease is a candidate, `set_coverage` have it among the `set_size` diseases that are
    `in_set` (which may be more than the list shows); both are None where that was not calibrated. `calibrated`: whether
    the probabilities were; otherwise they are estimates.
    """

    ranking: tuple[RankedDisease, ...]
    seconds: float
    prior: str
    groups: tuple[DiseaseGroup, ...]
    none_of_these: float
    set_coverage: float | None
    set_size: int | None
    calibrated: bool


class Predictor:
    """A loaded model. Safe to use from several threads; it keeps no state between calls and starts no thread."""

    def __init__(self, bundle: Bundle) -> None:
        self.manifest: Manifest = bundle.manifest
        self.vocabulary = Vocabulary(json_lines(bundle.files[TERMS]))
        records = json_lines(bundle.files[DISEASES])
        self._ids = tuple(record["id"] for record in records)
        self._rarity = tuple(record["rarity"] for record in records)
        self._all_ids = tuple(tuple(record["ids"]) for record in records)
        # every id that means a candidate -> its number
        self.numbers: Mapping[str, int] = {
            identity: number for number, ids in enumerate(self._all_ids) for identity in ids
        }
        self._grouper = Grouper(records)
        self._priors = Priors(*unpack_arrays(bundle.files[PRIORS]), self.numbers)
        self.candidates: Mapping[str, str] = {record["id"]: record["name"] for record in records}
        self._names = tuple(self.candidates.values())
        options = onnxruntime.SessionOptions()
        # one thread a call: requests share the cores, and no pool of threads has to survive a fork
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            bundle.files[MODEL], options, providers=["CPUExecutionProvider"]
        )
        profiles, _ = unpack_arrays(bundle.files[PROFILES])
        trust = bundle.manifest.raw["model"]["trust"]
        self._finding_model = FindingModel(self.vocabulary.graph, profiles)
        self._asker = Asker(self.vocabulary, self._finding_model)
        self._kinds = Kinds(self.vocabulary)
        self._limits = Limits(**trust["sufficiency"])
        self._pair_limit = PairLimit(**trust["pairs"])
        self._set_limits = None if trust["sets"] is None else SetLimits(**trust["sets"])
        self._evidence_class = profiles["evidence"]
        table = unpack_table(bundle.files[ANNOTATIONS])
        cases = bundle.files.get(CASES)
        # the cases that the model was trained on, or None
        self.training_cases: CaseTable | None = None if cases is None else unpack_cases(cases)
        self._explainer = Explainer(
            self.vocabulary, self.candidates, table, profiles, self.training_cases, self.run,
            AboutTable(json_lines(bundle.files[ABOUT]) if ABOUT in bundle.files else (), records),
        )  # fmt: skip

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Predictor":
        """Open a bundle. Raises CorruptArtefact."""
        return cls(read_bundle(Path(folder)))

    def resolve(
        self,
        *,
        present: Sequence[str],
        absent: Sequence[str] = (),
        age: str | None = None,
        sex: str | None = None,
        uncertain: Sequence[str] = (),
        volunteered: Sequence[str] = (),
        may_be_empty: bool = False,
    ) -> Query:
        """Check and normalise an input; `age` is an ISO 8601 duration. Raises InvalidInput with every problem.

        `uncertain` findings came up without an answer; `volunteered` are those of the findings that were said unasked.

        With `may_be_empty` no finding needs to be present: for a case that is only begun.
        """
        return queries.resolve(
            self.vocabulary, present, absent, age, sex, uncertain=uncertain, volunteered=volunteered,
            may_be_empty=may_be_empty,
        )  # fmt: skip

    def predict(
        self, query: Query, top: int = MOST_RANKED, prior: str | Prior | None = None, coverage: float = 0.8
    ) -> Prediction:
        """The `top` (at most 100) most probable diseases. Probabilities are over all candidates.

        `prior` is one of `priors`, a `clinic_prior`, or None for the default; `coverage` one of `coverages`. Raises
        InvalidInput for an unknown prior, ValueError for an unknown coverage.
        """
        started = time.perf_counter()
        chosen = self._priors.named(prior)
        best, score, probability, none = self.run(
            query, "top_index", "top_score", "probability", "none_of_these", prior=chosen
        )
        listed = best[:top].tolist()
        members = None
        if chosen.name == self.priors[0] and self._set_limits is not None:
            members = self.set_members(probability, float(none[0]), self.evidence_for(int(best[0])), coverage)
        groups = self._grouper.groups(listed, probability)
        group_of = {disease: k for k, group in enumerate(groups) for disease in group.members}
        ranking = tuple(
            RankedDisease(
                rank, self._ids[i], self._names[i], p, s, self._rarity[i], self._all_ids[i], group_of.get(i),
                members is not None and bool(members[i]),
            )
            for rank, (i, p, s) in enumerate(
                zip(listed, probability[best[:top]].tolist(), score[:top].tolist(), strict=True), start=1
            )
        )  # fmt: skip
        shown = tuple(
            DiseaseGroup(group.label, tuple(self._ids[i] for i in group.members), group.probability)
            for group in groups
        )
        return Prediction(
            ranking, time.perf_counter() - started, chosen.name, shown, float(none[0]),
            None if members is None else coverage, None if members is None else int(members.sum()),
            chosen.name == self.priors[0] and bool(self.manifest.calibration.get("calibrated")),
        )  # fmt: skip

    @property
    def weighs_uncertain(self) -> bool:
        """Whether uncertain findings change the score: only in a closed list that learned from such cases."""
        return self._explainer.weighs_uncertain

    @property
    def coverages(self) -> tuple[float, ...]:
        """The coverages that sets can have; none for a closed list."""
        return () if self._set_limits is None else self._set_limits.coverages

    def set_members(
        self, probability: NDArray[np.float64], none: float, evidence: int, coverage: float
    ) -> NDArray[np.bool_]:
        """[diseases]: the set, from the graph's `probability` and `none_of_these`, and `evidence_for` the first one.

        Raises ValueError where the model has no such set.
        """
        if self._set_limits is None or coverage not in self.coverages:
            raise ValueError(f"coverage {coverage}; one of {self.coverages} was expected")
        return self._set_limits.members(probability / (1 - none), evidence, coverage)

    @property
    def priors(self) -> tuple[str, ...]:
        """The names of the priors that this model has; the first is the default."""
        return self._priors.names

    def prior(self, name: str | None = None) -> Prior:
        """A prior by its name; the default for None. Raises InvalidInput."""
        return self._priors.named(name)

    def clinic_prior(self, counts: Mapping[str, int]) -> Prior:
        """A prior from how many patients a clinic diagnosed with each disease. Raises InvalidInput."""
        return self._priors.clinic(counts)

    def prior_basis(self, disease_id: str, prior: str | None = None) -> PriorBasis:
        """What a disease's weight in a named prior rests on. Raises UnknownDisease and InvalidInput."""
        return self._priors.basis(self.number_of(disease_id), self._priors.named(prior).name)

    def number_of(self, disease_id: str) -> int:
        """The number of the candidate that an id means. Raises UnknownDisease."""
        number = self.numbers.get(disease_id)
        if number is None:
            raise UnknownDisease(f"{disease_id} is no candidate of this model")
        return number

    def ids_of(self, disease_id: str) -> tuple[str, ...]:
        """All ids that mean the same candidate, its canonical one first. Raises UnknownDisease."""
        return self._all_ids[self.number_of(disease_id)]

    def explain(self, query: Query, disease_id: str, prior: str | Prior | None = None) -> Explanation:
        """Why a disease (any id that means it) has its score. Raises UnknownDisease and InvalidInput."""
        return self._explainer.explain(query, self.number_of(disease_id), self._priors.named(prior))

    def ask_next(
        self, query: Query, *, limit: int = 5, prior: str | Prior | None = None,
        costs: Mapping[str, float] | None = None, skip: Collection[str] = (),
    ) -> tuple[Question, ...]:  # fmt: skip
        """The findings whose answer is expected to tell most about the list, the best first.

        With `costs` (finding id -> cost above 0; 1 where none is given) by information per cost. `skip` are ids that
        were asked already and could not be answered; they and their subtypes are not asked.
        """
        score, probability = self.run(query, "score", "probability", prior=prior)
        return self._asker.ask(query, Ranked.of(score, probability), limit, costs, skip)

    def askable(self, query: Query, skip: Collection[str] = ()) -> tuple[str, ...]:
        """All findings that could be asked: neither known nor implied nor excluded, and no heading of the ontology."""
        return self._asker.askable(query, skip)

    def sufficiency(self, query: Query, prior: str | Prior | None = None) -> Sufficiency:
        """Whether the findings are enough to rank by, and which kind would help to tell the diseases of the list apart.

        The thresholds were learned with the literature prior; the list, and so what would help, follows `prior`.
        """
        score, probability, terms, explained = self.run(
            query, "score", "probability", "present_term", "explained", prior=prior
        )
        information = self._finding_model.information[terms]
        level = level_of(self._limits, information, float(explained[0]))
        contradictions = sum(notice.code == "inconsistent" for notice in query.notices)
        wanted: tuple[Wanted, ...] = ()
        if level != "sufficient":
            # Most of the time of a prediction, and only of use where something is wanted.
            wanted = self._kinds.wanted(self._asker.gains(query, Ranked.of(score, probability)))
        return Sufficiency(level, detail_of(level, len(terms), contradictions), wanted)

    def pairs(self, query: Query, *, prior: str | Prior | None = None) -> tuple[DiseasePair, ...]:
        """Pairs of diseases that explain the findings better than any single one; empty where none does.

        A pair is named only if its gain passes a threshold that at most 5 % of patients with one disease reach.
        """
        terms, factor = self.run(query, "present_term", "present_factor")
        contribution = np.log(factor)
        nobody = encode_patient((), (), query.age_years, query.sex, len(self.vocabulary.graph))
        (base,) = self.run_row(nobody, "score", prior=prior)
        ids = [self.vocabulary.graph.ids[t] for t in terms.tolist()]
        return tuple(
            DiseasePair(
                self._ids[pair.first], self._ids[pair.second],
                (self._names[pair.first], self._names[pair.second]), pair.gain,
                tuple(ids[k] for k in pair.of_first), tuple(ids[k] for k in pair.of_second),
            )
            for pair in scored_pairs(contribution, base)
            if pair.gain >= self._pair_limit.gain(len(ids))
        )  # fmt: skip

    def evidence_for(self, disease: int) -> int:
        """What is known of a candidate: a few publications (0), many (1), or confirmed cases (2)."""
        return int(self._evidence_class[disease])

    def run(self, query: Query, *outputs: str, prior: str | Prior | None = None) -> list[NDArray[Any]]:
        """Some outputs of the graph (see `ml.export.converters`) for one patient."""
        index = self.vocabulary.graph.index
        row = encode_patient(
            (index[f] for f in query.present),
            (index[f] for f in query.absent),
            query.age_years,
            query.sex,
            len(index),
            (index[f] for f in query.uncertain),
            (index[f] for f in query.volunteered),
        )
        return self.run_row(row, *outputs, prior=prior)

    def run_row(
        self, row: NDArray[np.float32], *outputs: str, prior: str | Prior | None = None
    ) -> list[NDArray[Any]]:
        """Some outputs of the graph for one row of `ml.features.encode`."""
        log_prior = self._priors.named(prior).log[None, :]
        return list(self._session.run(list(outputs), {"patient": row[None, :], "log_prior": log_prior}))

    @property
    def disease_ids(self) -> tuple[str, ...]:
        """The candidates in the order of the graph's outputs."""
        return self._ids

    @property
    def rarities(self) -> tuple[str | None, ...]:
        """ "rare", "common" or None (not known) of each candidate, in the same order."""
        return self._rarity

    @property
    def annotations(self) -> AnnotationTable:
        """The published rows behind the model."""
        return self._explainer.table
