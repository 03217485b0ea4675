"""Which genes are known for a disease: HPO's genes_to_phenotype.txt and Orphanet's disorders."""

from collections.abc import Iterable
from pathlib import Path

from ml.knowledge.lines import line_error, numbered_lines
from ml.knowledge.model import DiseaseGene, Disorder

_NEEDED = ("gene_symbol", "disease_id")
# how the file says that it has no symbol
_NO_SYMBOL = "-"


def read_genes(path: Path) -> frozenset[DiseaseGene]:
    """Every pair of disease and gene of genes_to_phenotype.txt. Raises SourceFileError."""
    found: set[tuple[str, str]] = set()
    columns: list[int] = []
    for number, line in numbered_lines(path):
        cells = line.split("\t")
        if not columns:
            if missing := [name for name in _NEEDED if name not in cells]:
                raise line_error(
                    path, number, f"the columns {', '.join(_NEEDED)} were expected; it lacks {missing[0]}"
                )
            columns = [cells.index(name) for name in _NEEDED]
            continue
        if len(cells) <= max(columns):
            raise line_error(path, number, f"{max(columns) + 1} columns were expected, not {len(cells)}")
        gene, disease = (cells[column] for column in columns)
        if gene != _NO_SYMBOL:
            found.add((disease, gene))
    return frozenset(DiseaseGene(disease, gene, path.name) for disease, gene in found)


def genes_of_disorders(disorders: Iterable[Disorder]) -> frozenset[DiseaseGene]:
    """The genes that Orphanet names for its disorders; the disorder's id is the source."""
    return frozenset(DiseaseGene(d.id, gene, d.id) for d in disorders for gene in d.genes)
