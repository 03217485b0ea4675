"""Where the source behind an annotation can be read."""

import re
from urllib.parse import quote

_ADDRESSES = {
    "PMID": "https://pubmed.ncbi.nlm.nih.gov/{}/",
    "OMIM": "https://omim.org/entry/{}",
    "ORPHA": "https://www.orpha.net/en/disease/detail/{}",
    "DECIPHER": "https://www.deciphergenomics.org/syndrome/{}",
    "DOI": "https://doi.org/{}",
    "MONDO": "https://monarchinitiative.org/MONDO:{}",
    "ICD10CM": "https://icd10cmtool.cdc.gov/?fy=FY2025&query={}",
}
_WEB = re.compile(r"https?://[^\s\"'<>]+")


def source_address(reference: str) -> str:
    """The public page of `PMID:...`, `OMIM:...`, `MONDO:...`, or an address itself; empty when there is none."""
    if _WEB.fullmatch(reference):
        return reference
    prefix, _colon, local = reference.partition(":")
    pattern = _ADDRESSES.get(prefix.upper())
    return pattern.format(quote(local.strip(), safe="/.")) if pattern and local.strip() else ""
