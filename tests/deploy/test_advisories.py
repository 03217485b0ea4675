"""The audit of dependencies fails on a vulnerability and does not take silence for safety."""

import json
from typing import Any

import pytest

from config.advisories import report

WELL = {"name": "django", "version": "5.2.19", "vulns": []}
# As pip-audit 2 prints it (its README, "--format json").
ILL = {
    "name": "flask",
    "version": "0.5",
    "vulns": [
        {"id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": ["CVE-2019-1010083"], "description": ""}
    ],
}
UNKNOWN = {"name": "tqdm", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("packages", "lenient", "strict", "said"),
    [
        ([WELL], 0, 0, "1 packages compared, 0 vulnerabilities"),
        ([WELL, ILL], 1, 1, "VULNERABLE: flask 0.5: PYSEC-2019-179, CVE-2019-1010083, repaired in 1.0"),
        ([ILL, UNKNOWN], 1, 1, "WARNING: could not ask about 1 of 2"),
        ([WELL, UNKNOWN], 0, 1, "WARNING: could not ask about 1 of 2"),
        ([], 0, 1, "WARNING: could not ask"),
        (None, 0, 1, "WARNING: could not ask for advisories"),
    ],
)
def test_silence_is_not_safety(
    packages: list[dict[str, Any]] | None, lenient: int, strict: int, said: str
) -> None:
    printed = "" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
    assert report(printed, strict=False)[0] == lenient
    code, text = report(printed, strict=True)
    assert code == strict
    assert said in text
