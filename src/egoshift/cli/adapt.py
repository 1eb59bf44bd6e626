"""``egoshift adapt``: a trained model and a handful of labelled segments become a model that knows them."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress
from egoshift.cli.predict import MODEL

if TYPE_CHECKING:
    from egoshift.prediction.gain import Gain

EXAMPLES = """Examples:

  egoshift adapt --model runs/xmic --examples my.csv -o runs/mine

  egoshift adapt --model runs/mmg_many_shot --examples my.csv --by prototypes -o runs/mine"""


class By(StrEnum):
    """How to teach."""

    HEAD = "head"
    PROTOTYPES = "prototypes"


def adapt(
    model: Annotated[str, typer.Option(help=MODEL)],
    examples: Annotated[Path, typer.Option(help="CSV video,start,stop,verb,noun: the labelled segments")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the taught model")],
    videos: Annotated[Path | None, typer.Option(help="Folder of the videos; by default that of the CSV file")] = None,
    by: Annotated[
        By, typer.Option(help="head goes on training; prototypes are each class's mean, for fusions")
    ] = By.HEAD,
    hold_out: Annotated[float, typer.Option(help="Share of the segments to measure on", min=0.05, max=0.9)] = 0.3,
    keep_classes: Annotated[bool, typer.Option(help="Keep the model's own classes beside those of the file")] = False,
    epochs: Annotated[int | None, typer.Option(help="Passes over the segments; by default 15", min=1)] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate; by default 1e-4")] = None,
    seed: Annotated[int, typer.Option(help="Of what is held out, and of the teaching", min=0)] = 0,
    hands: Annotated[Path | None, typer.Option(help="Hand detections, or a palm model")] = None,
    hands_format: Annotated[str | None, typer.Option(help="boxes, palm, epic-hoa or egoclip")] = None,
    encoder: Annotated[str | None, typer.Option(help="Where the encoder's weights lie here, if elsewhere")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for features; by default in ~/.cache/egoshift")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Teach a model labelled segments of your own, and see on held-out ones whether it helped."""
    from egoshift.errors import ConfigError
    from egoshift.prediction import Hands, Predictor
    from egoshift.prediction.examples import read_examples
    from egoshift.prediction.teaching import SETTINGS, teach
    from egoshift.training import FitProgress

    if lr is not None and not 0 < lr < 1:
        raise ConfigError(f"--lr {lr:g}: a learning rate is above 0 and below 1; leave it out for 1e-4")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; give -o a folder")
    predictor = Predictor.from_pretrained(model, encoder=encoder, device=device)
    with progress("encoding") as bar:
        found = read_examples(
            examples,
            videos,
            predictor.features,
            hands=Hands(hands, hands_format),
            cache=cache,
            progress=lambda name, done, total: bar(done, total, name),
        )
    for fault in found.faults:
        errors.print(f"  {fault}", markup=False, soft_wrap=True)
    changes = {name: value for name, value in (("epochs", epochs), ("lr", lr)) if value is not None}
    with progress("teaching") as bar:

        def tell(labels: str, state: FitProgress) -> None:
            done = state.epoch + state.step / state.num_steps
            bar(round(done, 2), state.num_epochs, f"{labels}: loss {state.loss:.3f}")

        taught = teach(
            predictor,
            found,
            way=by.value,
            share=hold_out,
            keep_classes=keep_classes,
            settings=SETTINGS.model_copy(update=changes),
            seed=seed,
            progress=tell,
        )
    Predictor(taught.package, device=device).save_pretrained(out)
    if taught.note:
        errors.print(taught.note, style="yellow", markup=False, soft_wrap=True)
    if json:
        print_json([vars(gain) | {"verdict": gain.verdict} for gain in taught.gains])
    else:
        answers.print(f"top-1 on {taught.held_out}, %", markup=False)
        for gain in taught.gains:
            answers.print(_line(gain), markup=False)
        answers.print(f"next: egoshift predict VIDEO --model {out}", markup=False)
    if found.faults:
        raise typer.Exit(1)


def _line(gain: "Gain") -> str:
    before = "unknown classes" if gain.before is None else f"{gain.before:.1f}{_ends(gain.before_interval)}"
    line = f"  {gain.label} ({gain.classes} classes, {gain.clips} segments): {before} -> {gain.after:.1f}"
    line += _ends(gain.after_interval)
    if gain.difference is not None:
        value, low, high = gain.difference
        line += f", {value:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"{line}: {gain.verdict}"


def _ends(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" [{interval[0]:.1f}, {interval[1]:.1f}]"
