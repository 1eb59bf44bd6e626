"""One trial: a command is killed or disturbed, and resumed; and whether anything was lost."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trust.crash.faults import ACTIONS, Action, Call
from trust.crash.forks import Ended, Forks
from trust.crash.scenarios import Scenario, contents, encoded

_KILLED = -9
_ATTEMPTS = 4
"""On a busy machine a command takes now longer, now shorter: a kill that came too late is tried earlier."""


@dataclass(frozen=True)
class Trial:
    """What is to be done to which command.

    Attributes:
        number: Which trial; the same for the same seed.
        scenario: The command.
        action: ``kill`` at a time or at a call, or a fault.
        at: The call that is met; 0 where the time decides.
        share: Of the time of an undisturbed run, when it is killed.
    """

    number: int
    scenario: Scenario
    action: Action
    at: int = 0
    share: float = 0.0

    def __str__(self) -> str:
        where = f"call {self.at}" if self.at else f"{self.share:.3f} of its time"
        return f"trial {self.number}: {self.scenario.name}, {self.action} at {where}"


@dataclass(frozen=True)
class Verdict:
    """What came of a trial.

    Attributes:
        trial: Which.
        met: Whether the command was killed or disturbed; not so where it was done before.
        wrong: What is wrong; empty where nothing is.
        again: Finished videos that were encoded again.
    """

    trial: Trial
    met: bool
    wrong: str
    again: int


def plan(scenarios: Sequence[Scenario], seed: int, kills: int, every: int = 1) -> list[Trial]:
    """All trials: each call of each command with each fault that it can have, and kills at random times.

    Args:
        scenarios: The commands.
        seed: Of the times.
        kills: At least so many kills, of those at calls and at random times together.
        every: Only each so-many-th call, and one at least.
    """
    generator = random.Random(seed)
    chosen: list[tuple[Scenario, Action, int, float]] = []
    for scenario in scenarios:
        for action in ACTIONS[1:]:
            numbers = [call.number for call in scenario.calls if action != "short" or call.operation == "write"]
            first = generator.randrange(min(every, len(numbers)))
            chosen += [(scenario, action, number, 0.0) for number in numbers[first::every]]
    at_calls = sum(action == "kill" for _, action, _, _ in chosen)
    # Of those at random times a few come when the command has ended, and count for nothing: a twentieth to spare.
    each = max(1, -(-(kills + kills // 20 - at_calls) // len(scenarios)))
    for scenario in scenarios:
        shares = [(k + generator.random()) / each for k in range(each)]
        chosen += [(scenario, "kill", 0, share) for share in shares]
    return [Trial(number, *one) for number, one in enumerate(chosen)]


def judge(trial: Trial, forks: Forks) -> Verdict:
    """Disturbs, resumes and compares."""
    scenario = trial.scenario
    first = _disturbed(trial, forks)
    met = first.code == _KILLED if trial.action == "kill" else len(first.calls) >= trial.at
    wrong = _wrong_end(trial, first, met)
    then = forks.run(scenario.arguments, scenario.target.parent)
    if then.code != 0:
        return Verdict(trial, met, wrong or f"resuming ended with {then.code}: {then.err.strip()}", 0)
    wrong = wrong or difference(scenario.whole, contents(scenario.target))
    again = _encoded_again(trial, first, then)
    lost = _epochs_lost(trial, first)
    return Verdict(trial, met, wrong or ("finished work was done again" if again + lost else ""), again)


_NOTICE = "; going on from what it finished"
"""How a line ends that is said first where a writer was killed before."""


def _disturbed(trial: Trial, forks: Forks) -> Ended:
    scenario, whole_s = trial.scenario, trial.scenario.seconds
    action: Action = trial.action if trial.at else "none"
    for _ in range(_ATTEMPTS):
        scenario.reset()
        seconds = None if trial.at else trial.share * whole_s
        ended = forks.run(scenario.arguments, scenario.target.parent, at=trial.at, action=action, kill_after_s=seconds)
        if trial.at or ended.code != 0:
            break
        whole_s = ended.seconds
    return ended


def _wrong_end(trial: Trial, first: Ended, met: bool) -> str:
    """What is wrong with how the disturbed command ended: a fault is one line, and code 1."""
    if not met and first.code != 0:
        return f"undisturbed it ended with {first.code}: {first.err.strip()}"
    if trial.action == "kill" or first.code == 0:
        return ""
    lines = [line for line in first.err.strip().splitlines() if not line.endswith(_NOTICE)]
    if first.code != 1 or len(lines) != 1 or "Traceback" in first.err:
        return f"ended with {first.code} and {len(lines)} lines: {first.err.strip()[-2000:]}"
    return ""


def difference(whole: dict[str, bytes], found: dict[str, bytes]) -> str:
    """How the result differs, in words; nothing where it is the same."""
    names = [f"{name} is missing" for name in whole if name not in found]
    names += [f"{name} is left over" for name in found if name not in whole]
    names += [f"{name} differs" for name in whole if name in found and found[name] != whole[name]]
    return ", ".join(names)


def _done(trial: Trial, calls: Sequence[Call]) -> list[Call]:
    """The renames that were done."""
    return [call for call in calls if call.operation == "rename" and call.number != trial.at]


def _encoded_again(trial: Trial, first: Ended, then: Ended) -> int:
    if trial.scenario.arguments[0] != "extract":
        return 0
    parts = {call.new_path for call in _done(trial, first.calls) if call.new_path.endswith(".safetensors")}
    return max(0, encoded(then) - (trial.scenario.videos - len(parts)))


def _epochs_lost(trial: Trial, first: Ended) -> int:
    """Epochs that were saved and not gone on from, over all models."""
    if trial.scenario.name != "train":
        return 0
    lost = 0
    done = [Path(call.new_path) for call in _done(trial, first.calls)]
    for model in {path.parent for path in done}:
        named = [path.name for path in done if path.parent == model]
        saved = named.count("resume.safetensors")
        if saved and "config.json" not in named:
            told = json.loads((model / "config.json").read_text(encoding="utf-8"))
            lost += saved - (told["fit"]["resumed_at"] or 0)
    return lost
