"""Hand-written phenopackets."""

from typing import Any

from ml.features.evidence import AnnotationTable


def packet(
    identity: str, disease: str | None, present: list[str], absent: list[str] | None = None,
    publication: str = "PMID:999", **subject: Any,
) -> dict[str, Any]:  # fmt: skip
    """One GA4GH Phenopacket, version 2."""
    features: list[dict[str, Any]] = [{"type": {"id": t, "label": "x"}} for t in present]
    features += [{"type": {"id": t, "label": "x"}, "excluded": True} for t in absent or []]
    diagnosis = (
        [] if disease is None else [{"id": "i", "diagnosis": {"disease": {"id": disease, "label": "d"}}}]
    )
    return {
        "id": identity,
        "subject": {"id": "p", **subject},
        "phenotypicFeatures": features,
        "interpretations": diagnosis,
        "metaData": {"externalReferences": [{"id": publication}]},
    }


def numbers_of(table: AnnotationTable) -> dict[str, int]:
    """Disease id -> number, for a table whose diseases have one id each."""
    return {identity: number for number, identity in enumerate(table.diseases)}
