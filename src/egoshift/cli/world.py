"""``egoshift world``: the generated data sets, as real files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

if TYPE_CHECKING:
    from egoshift.world.script import Script

MAKE_EXAMPLES = """Examples:

  egoshift world make runs/world

  egoshift world make runs/small --scale 0.2 --sets kitchen,home --seed 3

  egoshift world make runs/faulty --defects"""

app = typer.Typer(no_args_is_help=True, help="EgoWorld: generate egocentric data sets as real files.")


@app.command(epilog=MAKE_EXAMPLES)
def make(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write into")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same world")] = 0,
    scale: Annotated[float, typer.Option(help="How much; 1 is half an hour of video in kitchen and in home each")] = 1,
    sets: Annotated[str, typer.Option(help="Which data sets, separated by commas")] = "kitchen,home,bench,multimodal",
    defects: Annotated[
        bool, typer.Option("--defects/--no-defects", help="Give every second video a defect of real sensors")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Write videos with sound, inertial measurements, hand boxes and annotations, in the formats of real data sets.

    An interrupted one is written anew by the same command.
    """
    from egoshift.errors import ConfigError
    from egoshift.remote import name_of, url_of
    from egoshift.world import write_world
    from egoshift.world.casts import write_cast

    if url_of(out) is not None:
        raise ConfigError(f"{name_of(out)}: worlds are made on this machine; give a folder of it, and copy that")
    names = [name.strip() for name in sets.split(",") if name.strip()]
    finished = [out / name for name in names if any((out / name / last).exists() for last in _LAST_WRITTEN)]
    if finished:
        raise ConfigError(f"{finished[0]} is there already; remove it, or give another folder")
    with progress("filming") as bar:
        cards = write_world(
            out, seed=seed, scale=scale, sets=names, defects=defects, progress=lambda done, total: bar(done, total)
        )
    documents = [{"name": name, **_count(write_cast(name, seed, scale))} for name in names]
    if json:
        print_json({"seed": seed, "scale": scale, "sets": documents, "cards": [str(card) for card in cards]})
        return
    for document in documents:
        classes = ", ".join(f"{document[kind]} {kind}" for kind in ("verbs", "nouns", "activities") if document[kind])
        answers.print(
            f"{document['name']}: {document['videos']} videos, {document['minutes']} minutes, "
            f"{document['segments']} segments, {classes}"
        )
    errors.print(f"next: egoshift data check {' '.join(map(str, cards))}", markup=False, soft_wrap=True)


_LAST_WRITTEN = ("annotations", "clips.csv")
"""What a data set that was written whole has, and one that was interrupted has not."""


def _count(scripts: "tuple[Script, ...]") -> dict[str, int | float]:
    """Numbers of videos, minutes, segments and classes that occur in them; unlabelled videos have no segments."""
    actions = [action for script in scripts if script.split != "unlabelled" for action in script.actions]
    activities = {action.activity for action in actions if action.activity is not None}
    return {
        "videos": len(scripts),
        "minutes": round(sum(script.num_frames / script.style.rate_hz for script in scripts) / 60, 1),
        "segments": len(actions),
        "verbs": 0 if activities else len({action.verb for action in actions}),
        "nouns": 0 if activities else len({action.noun for action in actions}),
        "activities": len(activities),
    }
