"""Mutated inputs, a few of every reader; and that what fuzzing must see, it sees."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trust.fuzz import __main__ as program
from trust.fuzz import crew
from trust.fuzz.changes import changed
from trust.fuzz.crew import Tally, run_target
from trust.fuzz.found import FOUND
from trust.fuzz.target import Bench, attempt
from trust.fuzz.targets import TARGETS

PLAIN = ("read", "refused")
SLOW = {"encoders": 3, "published": 2, "aria": 10, "media": 40, "runs": 60}
"""How many inputs of a reader that takes long; of the others, ``MANY``."""
MANY = 100


@pytest.fixture(scope="module", params=list(TARGETS))
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    if request.param == "aria":
        pytest.importorskip("pyvrs", reason='the vrs package is not installed; pip install "egoshift[aria]"')
    return Bench(TARGETS[request.param], tmp_path_factory.mktemp("bench"))


@pytest.mark.filterwarnings("ignore")
def test_whole_inputs_are_read_and_changed_ones_read_or_refused(bench: Bench) -> None:
    bench.read_whole()
    name, found = bench.target.name, {}
    for number in range(SLOW.get(name, MANY)):
        kind, words = attempt(bench.target, bench.lay(Random(f"test {name} {number}")))
        if kind not in PLAIN:
            found[number] = f"{kind}: {words}"
    bench.restore()
    assert not found, "\n".join(found.values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["cards", "lists", "documents", "detections", "archives"])
def test_inputs_that_hypothesis_chooses_are_read_or_refused(name: str, tmp_path: Path) -> None:
    bench = Bench(TARGETS[name], tmp_path)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
    @given(st.randoms(use_true_random=False))
    def read(random: Random) -> None:
        kind, words = attempt(bench.target, bench.lay(random))
        assert kind in PLAIN, words

    read()


def test_an_input_follows_from_its_number() -> None:
    content = b'{"a": [1, 2.5, "x"], "b": {"c": null}}'
    made = [[changed(content, "x.json", Random(f"{seed}")) for seed in range(50)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 40


def _run(name: str, count: int, tmp_path: Path) -> Tally:
    place = f"tests.unit.trust.bad_readers:{name}"
    return run_target(place, 0, count, seed=0, findings=tmp_path, told=lambda _: None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("FAILS", "KeyError in bad_readers.py:_fails"),
        ("HANGS", "hang"),
        ("DIES", "death by signal 11"),
        ("EATS", "memory, though refused"),
        ("REFUSES", "refused"),
    ],
)
def test_what_goes_wrong_is_counted_and_its_input_kept(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "MOST_S", 1.0)
    count = 1 if name == "HANGS" else 4
    tally = _run(name, count, tmp_path)
    assert tally.num_inputs == count
    assert set(tally.counts) <= {kind, "read"}  # a change may leave an input as it was
    assert tally.counts[kind] >= 1
    kept = [path.parent.name for path in tmp_path.rglob("x.json")]
    assert len(kept) == (0 if kind == "refused" else tally.counts[kind])
    assert tally.num_findings == len(kept)


def test_figures_are_those_of_the_run(tmp_path: Path) -> None:
    tally = Tally("a")
    for number, kind in enumerate(["read", "refused", "refused", "hang"]):
        tally.add(number, kind, "")
    (tmp_path / "trust.md").write_text("<!-- figures:begin -->\n<!-- figures:end -->\n")
    program._record([tally], 2.4, tmp_path)
    page = (tmp_path / "trust.md").read_text()
    assert "| mutated inputs read, or refused in one line | 3 | 100,000 | `make fuzz` |" in page
    assert "| tracebacks, hangs, deaths, memory above 2 GB | 1 | 0 | `make fuzz` |" in page


def test_a_full_run_is_of_at_least_a_hundred_thousand() -> None:
    assert sum(target.share for target in TARGETS.values() if target.name != "aria") >= 100_000


@pytest.mark.parametrize(("name", "number"), FOUND)
def test_what_was_found_once_is_found_no_more(name: str, number: int, tmp_path: Path) -> None:
    tally = run_target(name, number, number + 1, seed=0, findings=tmp_path, told=lambda _: None)
    assert (tally.num_inputs, tally.num_findings) == (1, 0), tally.findings
