"""The converter that teaches skl2onnx to export a `PhenotypeRanker`.

One patient a run: inputs `patient` [1, terms + 2] (`ml.features.encode`) and `log_prior` [1, diseases], the natural
logs of the weights that the diseases have before any finding. Outputs, of which a caller asks for those that he wants:
`top_index`, `top_probability`, `top_score` [top]; `score`, `probability` [diseases], `none_of_these` [1]; and, for
explanations, `explained` [1], the most that present findings add to the score of any disease; `present_term` [p] with
`present_factor` [p, diseases], of which the logarithm is what the finding adds; `absent_term` [a] with the non-zero
contributions as triplets `absent_owner`, `absent_disease`, `absent_value`, and `case_similarity` [training cases].
A closed list's graph weighs all of these with the second of `LearnedScore.weights_`, and adds what many cases teach:
`learned_feature` [f], the numbers of the features that the patient has, and `learned_contribution` [f, diseases].
Ratios are stored as codes of one byte (`ml.training.likelihood`); factors are float32, sums float64. The runtime
computes every output in every run, asked for or not.
"""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType

from ml.export.layout import Ragged, RatioLayout, case_layout, ratio_layout
from ml.export.learned import learned_layout
from ml.features.encode import AGE_EDGES
from ml.training.likelihood import CODE_OF_ONE, CODES_PER_UNIT
from ml.training.offset import DiseaseOffset
from ml.training.ranker import PhenotypeRanker

OPSET = 18
TOP = 100
OUTPUTS = {
    "top_index": Int64TensorType,
    "top_probability": DoubleTensorType,
    "top_score": DoubleTensorType,
    "score": DoubleTensorType,
    "probability": DoubleTensorType,
    "none_of_these": DoubleTensorType,
    "explained": DoubleTensorType,
    "present_term": Int64TensorType,
    "present_factor": FloatTensorType,
    "absent_term": Int64TensorType,
    "absent_owner": Int64TensorType,
    "absent_disease": Int64TensorType,
    "absent_value": FloatTensorType,
    "case_similarity": FloatTensorType,
    "learned_feature": Int64TensorType,
    "learned_contribution": DoubleTensorType,
}


class _Graph:
    """Adds nodes and constants to skl2onnx's container; every node gets a fresh name."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def constant(self, name: str, value: NDArray[Any]) -> str:
        full = self._scope.get_unique_variable_name(name)
        tensor = numpy_helper.from_array(np.ascontiguousarray(value), full)
        self._container.add_initializer(full, tensor.data_type, list(value.shape), tensor)
        return str(full)

    def ints(self, *values: int) -> str:
        return self.constant("i", np.array(values, np.int64))

    def node(
        self, kind: str, *inputs: str, outputs: int = 1, out: str | None = None, **attributes: Any
    ) -> Any:
        names = [out] if out else [self._scope.get_unique_variable_name(kind.lower()) for _ in range(outputs)]
        self._container.add_node(
            kind,
            list(inputs),
            names,
            op_version=OPSET,
            name=self._scope.get_unique_operator_name(kind),
            **attributes,
        )
        return names[0] if len(names) == 1 else names

    def where(self, condition: str, out: str | None = None) -> str:
        """Indices [k] of the true elements of a vector."""
        return str(self.node("Reshape", self.node("NonZero", condition), self.ints(-1), out=out))

    def lists(self, name: str, table: Ragged, index: str) -> tuple[str, list[str]]:
        """(owner, values...) of the concatenated lists of `index` [k]; owner counts 0..k-1."""
        start = self.node("Gather", self.constant(f"{name}_start", table.start), index)
        length = self.node("Gather", self.constant(f"{name}_length", table.length), index)
        # the extra zero keeps the maximum defined when there is no list at all
        longest = self.node("ReduceMax", self.node("Concat", length, self.ints(0), axis=0), keepdims=0)
        zero, one = (self.constant("s", np.array(v, np.int64)) for v in (0, 1))
        offsets = self.node("Range", zero, longest, one)
        inside = self.node("Less", self.node("Unsqueeze", offsets, self.ints(0)),
                           self.node("Unsqueeze", length, self.ints(1)))  # fmt: skip
        owner, offset = self.node("Split", self.node("NonZero", inside), outputs=2, axis=0, num_outputs=2)
        owner = self.node("Reshape", owner, self.ints(-1))
        offset = self.node("Reshape", offset, self.ints(-1))
        position = self.node("Add", self.node("Gather", start, owner), offset)
        values = [
            self.node("Gather", self.constant(f"{name}_{k}", flat), position)
            for k, flat in enumerate(table.flats)
        ]
        return owner, values

    def marks(self, n: int, index: str) -> str:
        """A boolean vector [n], true at `index`."""
        zeros = self.constant("zeros", np.zeros(n, np.int32))
        ones = self.node("Expand", self.constant("o", np.array(1, np.int32)), self.node("Shape", index))
        marked = self.node("ScatterElements", zeros, index, ones, axis=0)
        return str(self.node("Cast", marked, to=TensorProto.BOOL))


def _convert(scope: Any, operator: Any, container: Any) -> None:
    ranker: PhenotypeRanker = operator.raw_operator
    likelihood, offset = ranker.likelihood_, ranker.offset_
    layout = ratio_layout(likelihood)
    n_terms, n_diseases = len(likelihood.graph_), len(ranker.classes_)
    names = {variable.raw_name: variable.full_name for variable in operator.outputs}
    g = _Graph(scope, container)
    patient = g.node("Reshape", operator.inputs[0].full_name, g.ints(-1))
    prior = g.node("Reshape", operator.inputs[1].full_name, g.ints(-1))
    states = g.node("Slice", patient, g.ints(0), g.ints(n_terms))
    half = [g.constant("half", np.array(v, np.float32)) for v in (0.5, -0.5)]
    is_present, is_absent = g.node("Greater", states, half[0]), g.node("Less", states, half[1])

    # the most specific present findings
    implied = g.marks(n_terms, _wide(g, g.lists("ancestor", layout.ancestors, g.where(is_present))[1][0]))
    present = g.where(g.node("And", is_present, g.node("Not", implied)), names["present_term"])
    # the most general absent findings, unless a present one implies them
    absent_index = g.where(is_absent)
    owner, (above,) = g.lists("ancestor", layout.ancestors, absent_index)
    covered = g.node("Compress", owner, g.node("Gather", is_absent, above), axis=0)
    covered = g.marks(n_terms, g.node("Gather", absent_index, covered))
    countable = g.node("And", is_absent, g.node("Not", g.node("Or", implied, covered)))
    absent = g.where(countable, names["absent_term"])

    # R for each present finding and disease, then floor + (1 - floor) * R
    row = g.node("Gather", g.constant("row", layout.row), present)
    cost = g.node("Gather", g.constant("cost", layout.cost), present)
    codes = g.node("Gather", g.constant("dense", layout.dense), row)
    scale = g.constant("scale", np.array(1 / CODES_PER_UNIT, np.float32))
    scales = g.node("Expand", scale, g.node("Shape", present))
    general = g.node("Relu", g.node("DequantizeLinear", codes, scales, cost, axis=0))
    owner, (disease, code) = g.lists("specific", layout.sparse, present)
    flat = g.node("Reshape", general, g.ints(-1))
    position = g.node("Add", g.node("Mul", owner, g.ints(n_diseases)), _wide(g, disease))
    flat = g.node("ScatterElements", flat, position, g.node("DequantizeLinear", code, scale), axis=0)
    ratio = g.node("Exp", g.node("Reshape", flat, g.ints(-1, n_diseases)))
    span = (1 - likelihood.floor) * np.exp(-CODE_OF_ONE / CODES_PER_UNIT)  # of the code 0
    ratio = g.node("Mul", ratio, g.constant("span", np.array(span, np.float32)))
    floor = g.constant("floor", np.array(likelihood.floor, np.float32))
    factor = g.node("Add", ratio, floor, out=names["present_factor"])
    findings = _log_product(g, factor, n_diseases)
    explained = g.node("ReduceMax", findings, keepdims=1, out=names["explained"])

    owner, (disease, value) = g.lists("absent", layout.absent, absent)
    g.node("Identity", owner, out=names["absent_owner"])
    disease = g.node("Cast", disease, to=TensorProto.INT64, out=names["absent_disease"])
    g.node("Identity", value, out=names["absent_value"])
    findings = g.node("ScatterElements", findings, disease, g.node("Cast", value, to=TensorProto.DOUBLE),
                      axis=0, reduction="add")  # fmt: skip

    findings = g.node("Add", findings, _nearest(g, ranker, layout, is_present, names["case_similarity"]))
    known = g.node("Add", findings, _offset(g, patient, n_terms, offset))
    score = g.node("Add", _joined(g, ranker, states, known, names), prior, out=names["score"])
    probability = _probability(g, ranker, score, present, explained, names)
    # by score, not by probability: far down the list probabilities underflow to the same value
    ranked, index = g.node("TopK", score, g.ints(min(TOP, n_diseases)), outputs=2, axis=0)
    g.node("Identity", ranked, out=names["top_score"])
    g.node("Identity", index, out=names["top_index"])
    g.node("Gather", probability, index, out=names["top_probability"])


def _log_product(g: _Graph, factor: str, n_diseases: int) -> str:
    """[diseases]: the sum over rows of the logarithms of `factor` [p, diseases], none above 60,000.

    A logarithm costs more than all else that is done with a factor. So products of 8 factors are made first, which
    float32 holds, and of 8 of those, which float64 holds; that leaves a logarithm per 64 findings.
    """
    count = g.node("Shape", factor, start=0, end=1)
    left = []
    for _ in range(3):
        half = g.node("Div", count, g.ints(2))
        odd = g.node("Sub", count, g.node("Add", half, half))
        sizes = g.node("Concat", half, half, odd, axis=0)
        first, second, rest = g.node("Split", factor, sizes, outputs=3, axis=0)
        factor, count = g.node("Mul", first, second), half
        left.append(rest)
    # without any finding there is nothing to multiply but this
    left.append(g.constant("ones", np.ones((1, n_diseases), np.float32)))
    factor = g.node("Cast", g.node("Concat", factor, *left, axis=0), to=TensorProto.DOUBLE)
    count = g.node("Neg", g.node("Shape", factor, start=0, end=1))
    missing = g.node("Mod", count, g.ints(8))
    pads = g.node("Concat", g.ints(0, 0), missing, g.ints(0), axis=0)
    full = g.node("Pad", factor, pads, g.constant("one", np.array(1.0)))
    product = g.node("ReduceProd", g.node("Reshape", full, g.ints(8, -1, n_diseases)), g.ints(0), keepdims=0)
    return str(g.node("ReduceSum", g.node("Log", product), g.ints(0), keepdims=0))


def _wide(g: _Graph, index: str) -> str:
    return str(g.node("Cast", index, to=TensorProto.INT64))


def _probability(
    g: _Graph, ranker: PhenotypeRanker, score: str, present: str, explained: str, names: dict[str, str]
) -> str:
    """[diseases]: what `Reliability` makes of the score."""
    reliability = ranker.reliability_

    def number(value: float) -> str:
        return g.constant("number", np.array([value], np.float64))

    count = g.node("Cast", g.node("Reshape", g.node("Size", present), g.ints(1)), to=TensorProto.DOUBLE)
    n_findings = g.node("Max", count, number(1.0))
    shift = np.exp(np.array(reliability.evidence))[ranker.evidence_class_]
    first = g.node("ArgMax", score, axis=0, keepdims=1)
    temperature = g.node(
        "Mul", g.node("Pow", n_findings, number(reliability.power)), number(reliability.scale)
    )
    temperature = g.node("Mul", temperature, g.node("Gather", g.constant("shift", shift), first))
    conditional = g.node("Softmax", g.node("Div", score, temperature), axis=0)
    if reliability.none is None:
        g.node("Identity", number(0.0), out=names["none_of_these"])
        return str(g.node("Identity", conditional, out=names["probability"]))
    told = g.node("Gather", g.constant("information", ranker.information_), present)
    information = g.node("ReduceSum", told, g.ints(0), keepdims=1)
    more = g.node("Add", information, number(1.0))
    unexplained = g.node("Div", g.node("Relu", g.node("Sub", information, explained)), more)
    logit = number(reliability.none[0])
    features = (unexplained, g.node("Log", n_findings), g.node("Log", more))
    for weight, feature in zip(reliability.none[1:], features, strict=True):
        logit = g.node("Add", logit, g.node("Mul", feature, number(weight)))
    none_shift = np.array(reliability.none_evidence)[ranker.evidence_class_]
    logit = g.node("Add", logit, g.node("Gather", g.constant("none_shift", none_shift), first))
    none = g.node("Sigmoid", logit, out=names["none_of_these"])
    return str(g.node("Mul", conditional, g.node("Sub", number(1.0), none), out=names["probability"]))


def _offset(g: _Graph, patient: str, n_terms: int, offset: DiseaseOffset) -> str:
    age = g.node("Slice", patient, g.ints(n_terms), g.ints(n_terms + 1))
    reached = g.node("Not", g.node("Less", age, g.constant("edges", np.array(AGE_EDGES, np.float32))))
    count = g.node("ReduceSum", g.node("Cast", reached, to=TensorProto.INT64), g.ints(0), keepdims=1)
    unknown = g.node("Less", age, g.constant("zero", np.zeros(1, np.float32)))
    interval = g.node("Where", unknown, g.ints(0), g.node("Add", count, g.ints(1)))
    sex = g.node("Slice", patient, g.ints(n_terms + 1), g.ints(n_terms + 2))
    by_age = g.node("Gather", g.constant("offset", offset.length_[None, :] + offset.age_), interval)
    by_sex = g.node("Gather", g.constant("sex", offset.sex_), _wide(g, sex))
    return str(g.node("Reshape", g.node("Add", by_age, by_sex), g.ints(-1)))


def _nearest(g: _Graph, ranker: PhenotypeRanker, layout: RatioLayout, is_present: str, out: str) -> str:
    """[diseases]: what resemblance to a case adds (`NearestCase`); `out` receives the similarities [cases]."""
    nearest = ranker.nearest_
    if nearest is None:
        g.node("Identity", g.constant("none", np.zeros(0, np.float32)), out=out)
        return g.constant("none", np.zeros(len(ranker.classes_)))
    cases = case_layout(nearest)
    present = g.where(is_present)
    above = _wide(g, g.lists("ancestor", layout.ancestors, present)[1][0])
    closure = g.marks(cases.n_terms, g.node("Concat", present, above, axis=0))
    information = g.constant("information", cases.information)
    weights = g.node("Mul", g.node("Cast", closure, to=TensorProto.FLOAT), information)
    frequent = g.node("Gather", weights, g.constant("frequent", cases.frequent))
    common = g.node("MatMul", frequent, g.constant("frequent_cases", cases.dense))
    terms = g.where(closure)
    owner, (case, value) = g.lists("rare", cases.sparse, terms)
    share = g.node("Mul", value, g.node("Gather", weights, g.node("Gather", terms, owner)))
    product = g.node("ScatterElements", common, _wide(g, case), share, axis=0, reduction="add")
    square = g.node("ReduceSum", g.node("Mul", weights, weights), g.ints(0), keepdims=1)
    # a patient with nothing but the root has a vector of length 0, and resembles nobody
    norm = g.node("Max", g.node("Sqrt", square), g.constant("tiny", np.array([1e-12], np.float32)))
    similarity = g.node("Div", product, norm, out=out)
    zeros = g.constant("zeros", np.zeros(len(ranker.classes_), np.float32))
    best = g.node("ScatterElements", zeros, g.constant("case_disease", nearest.disease_), similarity,
                  axis=0, reduction="max")  # fmt: skip
    threshold = g.constant("threshold", np.array(nearest.threshold))
    above = g.node("Relu", g.node("Sub", g.node("Cast", best, to=TensorProto.DOUBLE), threshold))
    return str(g.node("Mul", above, g.constant("weight", np.array(nearest.weight))))


def _joined(g: _Graph, ranker: PhenotypeRanker, states: str, known: str, names: dict[str, str]) -> str:
    """[diseases]: the score without a prior, of which `known` is the part of knowledge and counts."""
    learned = ranker.learned_
    if learned is None:
        nothing = np.zeros((0, len(ranker.classes_)))
        g.node("Identity", g.constant("none", np.zeros(0, np.int64)), out=names["learned_feature"])
        g.node("Identity", g.constant("none", nothing), out=names["learned_contribution"])
        return known
    layout = learned_layout(learned)
    value = g.node("Gather", states, g.constant("single", layout.term))
    above, below = g.constant("above", layout.above), g.constant("below", layout.below)
    single = g.node("And", g.node("Greater", value, above), g.node("Less", value, below))
    pair = [g.node("Gather", single, g.constant("pair", layout.pair[:, j])) for j in range(2)]
    active = g.where(g.node("Concat", single, g.node("And", *pair), axis=0), names["learned_feature"])
    weight = g.constant("weight", layout.weight)
    contribution = g.node("Gather", weight, active, axis=0, out=names["learned_contribution"])
    total = g.node("ReduceSum", contribution, g.ints(0), keepdims=0)
    base = g.node("Add", total, g.constant("intercept", layout.intercept))
    return str(g.node("Add", base, g.node("Mul", known, g.constant("share", layout.knowledge_weight))))


def _parse(scope: Any, model: PhenotypeRanker, inputs: list[Any], custom_parsers: Any = None) -> Any:
    operator = scope.declare_local_operator("HoofbeatPhenotypeRanker", model)
    operator.inputs.extend(inputs)
    for name, kind in OUTPUTS.items():
        operator.outputs.append(scope.declare_local_variable(name, kind()))
    return operator.outputs


def _shapes(operator: Any) -> None:
    n_diseases = len(operator.raw_operator.classes_)
    top = min(TOP, n_diseases)
    shapes: dict[str, list[int | None]] = {
        name: [top] for name in ("top_index", "top_probability", "top_score")
    }
    shapes |= {"score": [n_diseases], "probability": [n_diseases], "present_factor": [None, n_diseases]}
    shapes |= {"none_of_these": [1], "explained": [1]}
    shapes["learned_contribution"] = [None, n_diseases]
    for variable in operator.outputs:
        variable.type.shape = shapes.get(variable.raw_name, [None])


def to_onnx(ranker: PhenotypeRanker) -> onnx.ModelProto:
    """The graph of a fitted ranker."""
    update_registered_converter(
        PhenotypeRanker, "HoofbeatPhenotypeRanker", _shapes, _convert, overwrite=True, parser=_parse
    )
    n_features = len(ranker.likelihood_.graph_) + 2
    inputs = [
        ("patient", FloatTensorType([1, n_features])),
        ("log_prior", DoubleTensorType([1, len(ranker.classes_)])),
    ]
    return convert_sklearn(ranker, "hoofbeat", inputs, target_opset=OPSET)
