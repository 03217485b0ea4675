"""An extractor over the real terms, with Spanish labels written by hand."""

from pathlib import Path

import pytest

from ml.text import Extractor

COLUMNS = (
    *("source_language", "translation_language", "subject_id", "source_value"),
    *("predicate_id", "translation_value", "translation_status"),
)
LABELS = {
    "HP:0001945": "Fiebre",
    "HP:0012735": "Tos",
    "HP:0002240": "Hepatomegalia",
    "HP:0001744": "Esplenomegalia",
    "HP:0002650": "Escoliosis",
    "HP:0002094": "Disnea",
    "HP:0001166": "Aracnodactilia",
    "HP:0004322": "Talla baja",
    "HP:0002027": "Dolor abdominal",
    "HP:0002090": "Neumonía",
    "HP:0025406": "Astenia",
    "HP:4000054": "Exantema",
    "HP:0002315": "Cefalea",
    "HP:0001249": "Discapacidad intelectual",
    "HP:0000505": "Deterioro visual",
}


@pytest.fixture(scope="session")
def translations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Babelon table."""
    path = tmp_path_factory.mktemp("translations") / "hp-es.babelon.tsv"
    rows = [f"en\tes\t{term}\t\trdfs:label\t{label}\tOFFICIAL" for term, label in LABELS.items()]
    path.write_text("\n".join(["\t".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def extractor(knowledge_dir: Path, translations: Path) -> Extractor:
    """Reads English and Spanish."""
    return Extractor.load(knowledge_dir, translations)
