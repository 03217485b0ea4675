"""What runs beside a patient: numpy and onnxruntime only.

`Predictor.load(folder)` opens a bundle made by `python -m ml train`; `resolve` checks and normalises input, `predict`
ranks, `explain` says why.
"""

from ml.serving.about import About, SimilarDisease, Statement
from ml.serving.artefact import CorruptArtefact, Manifest
from ml.serving.asking import Question
from ml.serving.explanation import Contribution, Expected, Explanation, UnknownDisease
from ml.serving.groups import DiseaseGroup
from ml.serving.neighbours import SimilarCase
from ml.serving.pairs import DiseasePair
from ml.serving.predictor import Prediction, Predictor, RankedDisease
from ml.serving.priors import Prior, PriorBasis
from ml.serving.query import InvalidInput, Issue, Notice, Query
from ml.serving.sufficiency import Sufficiency, Wanted
from ml.serving.vocabulary import LocalFinding, Vocabulary

__all__ = [
    "About",
    "Contribution",
    "CorruptArtefact",
    "DiseaseGroup",
    "DiseasePair",
    "Expected",
    "Explanation",
    "InvalidInput",
    "Issue",
    "LocalFinding",
    "Manifest",
    "Notice",
    "Prediction",
    "Predictor",
    "Prior",
    "PriorBasis",
    "Query",
    "Question",
    "RankedDisease",
    "SimilarCase",
    "SimilarDisease",
    "Statement",
    "Sufficiency",
    "UnknownDisease",
    "Vocabulary",
    "Wanted",
]
