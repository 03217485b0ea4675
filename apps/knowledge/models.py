"""The knowledge that the pages and the API speak of. The engine has its own copy in each model's artefact."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models

from apps.core.models import Record


class KnowledgeRelease(Record):
    """A knowledge folder that was loaded; the newest row is the one in use."""

    version = models.CharField(max_length=80)
    hpo_release = models.CharField(max_length=40)
    sha256 = models.CharField(max_length=64)
    folder = models.CharField(max_length=1000)
    manifest = models.JSONField()


class Term(models.Model):
    """A term of the HPO, or a finding that a source calls by a code of its own and the running model has learned.

    Terms are never deleted, for stored findings point at them.
    """

    # "LOCAL:" and at most 200 characters (`ml.serving.vocabulary`).
    id = models.CharField(max_length=206, primary_key=True)
    label = models.CharField(max_length=400)
    definition = models.TextField(blank=True)
    is_phenotype = models.BooleanField(help_text="below HP:0000118, so it may be a patient's finding")
    is_obsolete = models.BooleanField(default=False)
    replaced_by = models.CharField(max_length=20, blank=True)
    parents = ArrayField(models.CharField(max_length=20), default=list)
    alternative_ids = ArrayField(models.CharField(max_length=20), default=list)

    class Meta:
        indexes = [GinIndex(fields=["alternative_ids"])]


class TermName(models.Model):
    """A label, a synonym or an id by which a term that may be a finding can be found."""

    class Kind(models.TextChoices):
        LABEL = "label"
        SYNONYM = "synonym"

    term = models.ForeignKey(Term, models.CASCADE, related_name="names")
    kind = models.CharField(max_length=10, choices=Kind)
    language = models.CharField(max_length=8, default="en")
    text = models.CharField(max_length=400)

    class Meta:
        indexes = [GinIndex(SearchVector("text", config="simple"), name="termname_text_words")]


class Disease(models.Model):
    """A disease under its canonical id. Never deleted, for stored predictions speak of it.

    `ids` are all ids that mean it, the canonical one first; empty where the release in use knows it no longer, or
    merged it into another.
    """

    id = models.CharField(max_length=30, primary_key=True)
    name = models.CharField(max_length=500)
    database = models.CharField(max_length=12)
    rarity = models.CharField(max_length=8, blank=True, help_text="rare, common, or empty where not known")
    rarity_source = models.CharField(max_length=300, blank=True)
    ids = ArrayField(models.CharField(max_length=30), default=list)

    class Meta:
        indexes = [
            GinIndex(SearchVector("name", config="simple"), name="disease_name_words"),
            GinIndex(fields=["ids"], name="disease_ids"),
        ]


class SearchWord(models.Model):
    """A word that occurs in names of findings or diseases: what a mistyped word is compared with."""

    class Kind(models.TextChoices):
        TERM = "term"
        DISEASE = "disease"

    kind = models.CharField(max_length=8, choices=Kind)
    word = models.CharField(max_length=200)
    frequency = models.PositiveIntegerField(help_text="in how many names it occurs")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "word"], name="search_word_once")]
        indexes = [
            GinIndex(OpClass("word", name="gin_trgm_ops"), name="search_word_trigrams"),
            models.Index(OpClass("word", name="text_pattern_ops"), name="search_word_prefix"),
        ]


class Annotation(models.Model):
    """A finding (or course, onset, inheritance) of a disease, and where that is said.

    From phenotype.hpoa, the set of common diseases, or an Orphanet disorder that the former does not describe.
    """

    disease = models.ForeignKey(Disease, models.CASCADE, related_name="annotations")
    term = models.ForeignKey(Term, models.PROTECT, related_name="annotations")
    aspect = models.CharField(max_length=1)
    is_negated = models.BooleanField()
    frequency = models.CharField(max_length=60, blank=True)
    onset = models.CharField(max_length=20, blank=True)
    sex = models.CharField(max_length=10, blank=True)
    references = ArrayField(models.TextField(), default=list)
    evidence = models.CharField(max_length=10, blank=True)
    is_verified = models.BooleanField(
        default=True, help_text="false where nobody has seen the statement in its source"
    )
