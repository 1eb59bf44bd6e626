"""Looks for known vulnerabilities of the pinned versions, by pip-audit and the package index.

``python -m trust.audit`` fails for one that is not let pass, and where not every version could be looked up. With
``--where-reachable``, as ``make check`` calls it, what cannot be looked up is one line and no failure.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from trust.results.figures import ROOT

TIMEOUT_S = 10
TOOL = ROOT / ".venv-tools/bin/pip-audit"
KNOWN = "https://pypi.org/pypi/pip/23.2.1/json"
"""A version that the index has said something of; where it answers, it is asked for all others."""

LET_PASS: Mapping[str, str] = {}
"""Vulnerabilities that cannot be met here, by their id, and why."""


def why_not() -> str:
    """Why nothing can be looked up, in a few words; empty where it can."""
    try:
        with urllib.request.urlopen(KNOWN, timeout=TIMEOUT_S) as answer:
            told = "vulnerabilities" in json.load(answer)
    except (OSError, ValueError) as error:
        return f"the package index's list cannot be reached ({str(error) or type(error).__name__})"
    return "" if told else "the package index tells of none"


def look_up(command: Sequence[str]) -> dict[str, Any]:
    """What pip-audit found: of each package its vulnerabilities, or why they are not known.

    Raises:
        OSError: It is not installed.
        ValueError: It said nothing that can be read.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines()
        raise ValueError(lines[-1] if lines else f"pip-audit ended with {done.returncode}") from None
    return found


def judged(found: Mapping[str, Any], let_pass: Mapping[str, str] = LET_PASS) -> tuple[list[str], list[str]]:
    """The vulnerabilities that count, a line each, and the packages that were not looked up."""
    packages = found["dependencies"]
    bad = [
        f"{one['name']} {one['version']}: {flaw['id']}; mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for one in packages
        for flaw in one.get("vulns", ())
        if not {flaw["id"], *flaw.get("aliases", ())} & set(let_pass)
    ]
    return bad, [one["name"] for one in packages if "skip_reason" in one]


def main(given: Sequence[str]) -> int:
    """1 for a vulnerability that counts, and, but for ``--where-reachable``, where versions could not be looked up."""
    gentle = "--where-reachable" in given
    reason = why_not()
    bad: list[str] = []
    if not reason:
        options = (
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner=off",
            f"--timeout={TIMEOUT_S}",
            "--format=json",
        )
        try:
            bad, unknown = judged(look_up([str(TOOL), *options, "-r", "constraints.txt"]))
            reason = f"{len(unknown)} packages are not in the index's list" if unknown else ""
        except (OSError, ValueError) as error:
            reason = f"pip-audit could not be run ({error}); `make audit` installs it"
    for line in bad:
        print(line, file=sys.stderr)
    if reason:
        print(f"not audited for vulnerabilities: {reason}", file=sys.stderr)
    return int(bool(bad) or (bool(reason) and not gentle))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
