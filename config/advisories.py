"""`make audit`: compares the locked packages with published advisories, and never takes silence for safety.

Fails on a known vulnerability. What could not be asked about is said; with `--strict` that fails, too.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements/lock.txt",)
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service of advisories said: packages asked about, those it knew, and a line for each vulnerability."""

    asked: int
    known: int
    vulnerable: list[str]


def read_answer(text: str) -> Answer:
    """Read pip-audit's JSON; raises ValueError for anything else."""
    try:
        packages = json.loads(text)["dependencies"]
        vulnerable = [
            f"{package['name']} {package['version']}: {', '.join([found['id'], *found['aliases']])}, "
            f"repaired in {', '.join(found['fix_versions']) or 'no version yet'}"
            for package in packages
            for found in package.get("vulns", [])
        ]
        known = sum("skip_reason" not in package for package in packages)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no answer of pip-audit: {error}") from error
    return Answer(len(packages), known, vulnerable)


def report(text: str, *, strict: bool) -> tuple[int, str]:
    """(exit code, what to say) for what pip-audit printed."""
    try:
        answer = read_answer(text)
    except ValueError:
        return int(strict), "WARNING: could not ask for advisories; nothing is known of any package.\n"
    lines = [f"VULNERABLE: {line}" for line in answer.vulnerable]
    unknown = answer.asked - answer.known
    if unknown or not answer.asked:
        lines.append(f"WARNING: could not ask about {unknown} of {answer.asked} packages.")
    lines.append(f"{answer.known} packages compared, {len(answer.vulnerable)} vulnerabilities.")
    failed = bool(answer.vulnerable) or (strict and (bool(unknown) or not answer.asked))
    return int(failed), "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Ask about each locked package; returns the exit code."""
    command = [
        sys.executable, "-m", "pip_audit", "--format", "json", "--disable-pip", "--require-hashes",
        "--progress-spinner", "off",
    ]  # fmt: skip
    for lock in LOCKS:
        command += ["--requirement", str(ROOT / lock)]
    try:
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS).stdout
    except subprocess.TimeoutExpired:
        printed = ""
    code, said = report(printed, strict="--strict" in arguments)
    sys.stdout.write(said)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
