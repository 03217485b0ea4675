"""Which finding to ask for next: the one whose answer is expected to tell most about the list."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.features.evidence import BoolArray, FloatArray, IntArray
from ml.serving.likelihoods import FindingModel
from ml.serving.query import Query
from ml.serving.vocabulary import PHENOTYPIC_ABNORMALITY, Vocabulary

N_CANDIDATES = 200
# findings that are worked out exactly, of those that separate the candidates best at first sight
_N_TERMS = 400
# a heading of the ontology, not a finding that somebody would ask for
_HEADING = re.compile(
    r"^Abnormal(ity of)? |abnormality of|^Aplasia/Hypoplasia|by anatomical|^(General|Local)ized abnormality"
)
# a question that two of five patients answer with yes, whatever they have, tells nothing
_MOST_COMMON = 0.4
# two questions whose answers go together this closely are one question
_SAME_ANSWER = 0.8
_LEAST_BITS = 1e-6


@dataclass(frozen=True, slots=True)
class Question:
    """A finding to ask for: the bits that its answer is expected to tell, and how probable a yes is."""

    finding: str
    label: str
    gain_bits: float
    probability: float


class Ranked(NamedTuple):
    """Probabilities over all diseases [diseases], and the temperature that they were made with."""

    probability: FloatArray
    temperature: float

    @classmethod
    def of(cls, score: FloatArray, probability: FloatArray) -> "Ranked":
        """From outputs of the graph; the temperature is the ratio of differences of scores and of logarithms."""
        first, last = score.argmax(), np.argsort(-score, kind="stable")[:N_CANDIDATES][-1]
        apart = float(np.log(max(probability[first], 1e-300)) - np.log(max(probability[last], 1e-300)))
        return cls(probability, float(score[first] - score[last]) / apart if apart > 1e-9 else 1.0)


class Gains(NamedTuple):
    """Expected information of some terms [n], the probability of a yes [n], and P(yes | candidate) [n, k]."""

    terms: IntArray
    bits: FloatArray
    probability: FloatArray
    likelihood: NDArray[np.float32]
    weights: FloatArray


class Asker:
    """Works out what to ask, for one model."""

    def __init__(self, vocabulary: Vocabulary, model: FindingModel) -> None:
        self._vocabulary = vocabulary
        self._graph = vocabulary.graph
        self._model = model
        root = self._graph.index[PHENOTYPIC_ABNORMALITY]
        self._askable: BoolArray = np.array(
            [
                model.background[t] <= _MOST_COMMON
                and not _HEADING.search(vocabulary.label(identity))
                and t != root
                and root not in self._graph.parents[t]
                for t, identity in enumerate(self._graph.ids)
            ],
            bool,
        )

    def ask(
        self, query: Query, ranked: Ranked, limit: int,
        costs: Mapping[str, float] | None, skip: Collection[str],
    ) -> tuple[Question, ...]:  # fmt: skip
        """The `limit` best questions, best first; see `Predictor.ask_next`."""
        gains = self.gains(query, ranked, skip)
        value = gains.bits
        if costs:
            ids = self._graph.ids
            value = value / np.array([costs.get(ids[t], 1.0) for t in gains.terms.tolist()])
        chosen: list[int] = []
        for k in np.lexsort((gains.terms, -value)).tolist():
            if len(chosen) == limit or gains.bits[k] < _LEAST_BITS:
                break
            if not any(self._repeats(gains, k, other) for other in chosen):
                chosen.append(k)
        return tuple(
            Question(
                self._graph.ids[gains.terms[k]],
                self._vocabulary.label(self._graph.ids[gains.terms[k]]),
                float(gains.bits[k]),
                float(gains.probability[k]),
            )
            for k in chosen
        )

    def askable(self, query: Query, skip: Collection[str]) -> tuple[str, ...]:
        """Ids of all findings that may still be asked, ascending."""
        return tuple(self._graph.ids[t] for t in np.flatnonzero(~self._closed(query, skip)).tolist())

    def gains(self, query: Query, ranked: Ranked, skip: Collection[str] = ()) -> Gains:
        """The expected information of the most telling findings that may still be asked.

        The information of an answer is what it adds, on average over diseases and answers, to the logarithm of the
        true disease's probability: sum over d of p(d) * sum over answers of P(answer | d) * log2(q(d | answer) / p(d)),
        with q as the engine would say it. For an exact Bayesian q it is the mutual information (Lindley 1956).
        """
        order = np.argsort(-ranked.probability, kind="stable")[:N_CANDIDATES]
        weights = ranked.probability[order]
        rest = max(0.0, 1.0 - float(weights.sum()))
        frequencies = self._model.frequencies(order)
        terms = self._first_sight(frequencies, weights, self._closed(query, skip))
        if not len(terms):
            nothing = np.zeros(0)
            return Gains(terms, nothing, nothing, np.zeros((0, 0), np.float32), weights)
        ratios = self._model.ratios(terms.tolist(), frequencies)
        likelihood = self._model.likelihoods(terms.tolist(), ratios)
        background = self._model.background[terms]
        yes = likelihood @ weights + rest * background
        up = self._model.present(ratios) / ranked.temperature
        down = self._model.absent(terms.tolist(), frequencies) / ranked.temperature
        # what is not among the candidates stands for a disease of which nothing special is known
        log_up = np.log(np.exp(up) @ weights + rest)
        log_down = np.log(np.exp(down) @ weights + rest)
        gain = (likelihood * up + (1 - likelihood) * down) @ weights - yes * log_up - (1 - yes) * log_down
        return Gains(terms, gain / np.log(2), yes, likelihood, weights)

    def _closed(self, query: Query, skip: Collection[str]) -> BoolArray:
        """[terms]: what is known already, or shall not be asked."""
        graph = self._graph
        closed = ~self._askable
        for finding in query.present:
            closed[list(graph.closure(graph.index[finding]))] = True
        shut = [graph.index[f] for f in (*query.absent, *skip)]
        if shut:
            start, flat = graph.ancestors
            excluded = np.isin(flat, shut)
            closed |= np.add.reduceat(excluded, start[:-1]) > 0
        return closed

    def _first_sight(
        self, frequencies: NDArray[np.float32], weights: FloatArray, closed: BoolArray
    ) -> IntArray:
        """The terms with the largest mean logarithmic ratio over the candidates, ascending."""
        known = np.flatnonzero((frequencies > 0).any(axis=1) & ~closed)
        own = frequencies[known]
        ratio = own / self._model.background[known, None].astype(np.float32)
        rough = (own * np.log1p(ratio)) @ weights.astype(np.float32)
        best = np.argsort(-rough, kind="stable")[:_N_TERMS]
        return np.sort(known[best])

    def _repeats(self, gains: Gains, one: int, other: int) -> bool:
        first, second = int(gains.terms[one]), int(gains.terms[other])
        if first in self._graph.closure(second) or second in self._graph.closure(first):
            return True
        a, b = gains.likelihood[one].astype(float), gains.likelihood[other].astype(float)
        w = gains.weights / max(gains.weights.sum(), 1e-12)
        a, b = a - w @ a, b - w @ b
        spread = np.sqrt((w @ a**2) * (w @ b**2))
        return bool(spread > 0 and (w @ (a * b)) / spread > _SAME_ANSWER)
