"""The model card of a version, for pages and as a file."""

from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.registry.models import ModelVersion
from ml.export.card import model_card
from ml.serving.artefact import CARD

# What `ml.export.card` says in English, for the pages.
NOT_MEANT_FOR = (
    _("screening of people without findings, and triage of emergencies"),
    _("prognosis, treatment, and advice to patients without a clinician"),
    _(
        "findings that have no term of the Human Phenotype Ontology, unless the model was trained with local ones"
    ),
)
LIMITS = (
    _(
        "What no publication describes cannot be found: diseases without annotations are no candidates, and sparsely "
        "described ones rank lower than they should."
    ),
    _(
        "Published patients are more typical, more severe and more often children than those of a clinic; figures "
        "measured on them flatter."
    ),
    _("Annotations rest on publications that describe some ancestries and countries far more than others."),
    _("Age of onset and sex are known for a part of the diseases only."),
)


def card_text(model: ModelVersion) -> str:
    """The card of the bundle as Markdown; of a bundle without one, the card that its description gives."""
    try:
        return (Path(model.folder) / CARD).read_text(encoding="utf-8")
    except OSError:
        return model_card(model.manifest["model"])


def benchmarks_of(model: ModelVersion) -> dict[str, Any]:
    """What was measured of such models, as a table: {columns, rows}; both empty where nothing was recorded."""
    records = model.manifest["model"].get("parameters", {}).get("benchmarks") or []
    columns = list(dict.fromkeys(key for record in records for key in record))
    return {
        "columns": columns,
        "rows": [[record.get(column, "") for column in columns] for record in records],
    }
