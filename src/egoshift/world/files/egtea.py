"""A data set in the files of EGTEA Gaze+ (``action_annotation.zip`` of https://cbs.ic.gatech.edu/fpv), for evaluation.

``verb_idx.txt``, ``noun_idx.txt`` and ``action_idx.txt`` number the classes from 1; each line of ``test_split1.txt`` to
``test_split3.txt`` is ``<clip> <action> <verb> <noun>``. A clip's name says its session, the segment in milliseconds,
and, in frames at 24 Hz, the segment with a tenth of its length added on each side. Two things differ from the real data
set: there are no train splits, and sessions are whole.
"""

from collections.abc import Sequence
from pathlib import Path

from egoshift.files import write_atomically
from egoshift.world.script import Action, Script
from egoshift.world.vocabulary import Classes

RATE_HZ = 24
NUM_SPLITS = 3
MARGIN = 0.1
"""What a cut clip has before and after its segment, as a share of the segment."""

RECIPES = (
    *("PastaSalad", "TurkeySandwich", "BaconAndEggs", "ContinentalBreakfast", "Cheeseburger", "GreekSalad", "Pizza"),
)


def session_name(person: int) -> str:
    """A session of its own for each person, counted from 0: ``OP01-R01-PastaSalad``."""
    recipe = person % len(RECIPES)
    return f"OP{person + 1:02d}-R{recipe + 1:02d}-{RECIPES[recipe]}"


def video_path(root: Path, script: Script) -> Path:
    """Where a video lies: ``videos/OP01-R01-PastaSalad.mp4``."""
    return root / "videos" / f"{script.video_id}.mp4"


def actions_of(classes: Classes) -> tuple[tuple[str, str], ...]:
    """All pairs of a verb and a noun that it is done with, in the order of their numbers."""
    return tuple((verb, noun) for verb in classes.verbs for noun in classes.objects_of(verb))


def write_annotations(folder: Path, scripts: Sequence[Script], classes: Classes) -> None:
    """Write the class lists and the three test splits, which share the clips evenly."""
    folder.mkdir(parents=True, exist_ok=True)
    actions = actions_of(classes)
    _write_classes(folder / "verb_idx.txt", [_verb(verb) for verb in classes.verbs])
    _write_classes(folder / "noun_idx.txt", [_noun(noun) for noun in classes.nouns])
    _write_classes(folder / "action_idx.txt", [f"{_verb(verb)} {_noun(noun)}" for verb, noun in actions])
    lines = [
        f"{clip_name(script, action)} {actions.index((action.verb, action.noun)) + 1} "
        f"{classes.verbs.index(action.verb) + 1} {classes.nouns.index(action.noun) + 1}"
        for script in scripts
        for action in script.actions
    ]
    for number in range(NUM_SPLITS):
        _write_lines(folder / f"test_split{number + 1}.txt", lines[number::NUM_SPLITS])


def clip_name(script: Script, action: Action) -> str:
    """``OP01-R01-PastaSalad-66680-68130-F001597-F001639``; the frames never leave the video."""
    start_s, stop_s = max(0.0, action.noted_start_s), action.noted_stop_s
    margin_s = MARGIN * (stop_s - start_s)
    first = max(0, round((start_s - margin_s) * RATE_HZ))
    last = min(script.num_frames, round((stop_s + margin_s) * RATE_HZ))
    return f"{script.video_id}-{round(start_s * 1000)}-{round(stop_s * 1000)}-F{first:06d}-F{last:06d}"


def _verb(name: str) -> str:
    return name.capitalize()


def _noun(name: str) -> str:
    return name.replace(" ", "_")


def _write_classes(path: Path, names: Sequence[str]) -> None:
    _write_lines(path, [f"{name} {number}" for number, name in enumerate(names, start=1)])


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
