"""What is published about diseases: the HPO graph and disease annotations with the reference of each row."""

from ml.knowledge.model import Annotation, Disease, Synonym, Term
from ml.knowledge.store import Knowledge, KnowledgeError, read_knowledge

__all__ = ["Annotation", "Disease", "Knowledge", "KnowledgeError", "Synonym", "Term", "read_knowledge"]
