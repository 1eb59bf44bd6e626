import io
import json
import re
import sys
import urllib.request
from typing import Any

import pytest
import yaml
from trust import audit
from trust.results.figures import ROOT

FLAW = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}
FOUND = {
    "dependencies": [
        {"name": "fine", "version": "1.0", "vulns": []},
        {"name": "flawed", "version": "1.0", "vulns": [FLAW]},
        {"name": "unknown", "skip_reason": "not found"},
    ]
}


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch):
    """Lets the index answer, and pip-audit say what it is told to."""

    def answers(found: object, head: object = None) -> None:
        body = json.dumps({"vulnerabilities": []} if head is None else head).encode()
        monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(body))
        told = [sys.executable, "-c", f"print({json.dumps(json.dumps(found))})"]
        look_up = audit.look_up
        monkeypatch.setattr(audit, "look_up", lambda _: look_up(told))

    return answers


def test_a_flaw_counts_unless_it_is_let_pass_by_any_of_its_names() -> None:
    assert audit.judged(FOUND, {}) == (["flawed 1.0: PYSEC-1; mended in 2.0"], ["unknown"])
    assert audit.judged(FOUND, {"CVE-1": "cannot be met"}) == ([], ["unknown"])


@pytest.mark.parametrize("given", [[], ["--where-reachable"]])
def test_a_known_flaw_fails_either_way(given: list[str], index: Any, capsys: pytest.CaptureFixture[str]) -> None:
    index({"dependencies": FOUND["dependencies"][:2]})
    assert audit.main(given) == 1
    assert "PYSEC-1" in capsys.readouterr().err


def test_what_was_not_looked_up_is_told_in_a_line_and_fails_only_where_asked_for(
    index: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route")

    index({"dependencies": FOUND["dependencies"][::2]})
    assert (audit.main([]), audit.main(["--where-reachable"])) == (1, 0)
    assert capsys.readouterr().err.count("1 packages are not in the index's list") == 2
    index({}, head={"info": 1})
    assert (audit.main([]), audit.main(["--where-reachable"])) == (1, 0)
    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    assert (audit.main([]), audit.main(["--where-reachable"])) == (1, 0)
    assert capsys.readouterr().err.splitlines()[-1].endswith("cannot be reached (no route)")


def test_nothing_to_read_is_told(index: Any) -> None:
    with pytest.raises(ValueError, match="it broke"):
        audit.look_up([sys.executable, "-c", "import sys; sys.exit('it broke')"])


def test_every_pinned_version_has_hashes_and_no_place_of_any_machine() -> None:
    for name in ("constraints.txt", "tools.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")]
        pinned = [place for place, line in enumerate(lines) if not line.startswith(" ")]
        assert len(pinned) > 20
        for place in pinned:
            assert "==" in lines[place]
            assert lines[place + 1].startswith("    --hash=sha256:")
        assert not any(
            word in line for line in lines for word in ("http:", "https:", "file:", "--index", "--find-links")
        )


def test_security_names_tests_that_are_there() -> None:
    named = re.findall(r"`(tests/[^`]+)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_machines_that_check_a_change_may_read_it_alone_and_run_no_step_of_others_that_can_change() -> None:
    workflows = [yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    assert workflows
    for workflow in workflows:
        assert workflow["permissions"] == {"contents": "read"}
        jobs = list(workflow["jobs"].values())
        assert not any("permissions" in job or "secrets" in str(job) for job in jobs)
        used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r".+@[0-9a-f]{40}", one) for one in used)
