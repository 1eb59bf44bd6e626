"""``egoshift train``: a recipe or a run file becomes trained models."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import Report, answers, print_json, progress

EXAMPLES = """Examples:

  egoshift train xmic --on kitchen.yaml --test home.yaml

  egoshift train own_videos --on my_videos/ --encoder ./clip-folder --set fit.epochs=30

  egoshift train mmg_imu --on multimodal.yaml --set method.options.preset=tiny

  egoshift train run.yaml --out runs/mine --resume

  egoshift train xmic --on kitchen.yaml --tensorboard runs/tensorboard"""


class Device(StrEnum):
    """Where to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def train(
    recipe: Annotated[str, typer.Argument(help="A name from `egoshift recipes`, or a run file (YAML)")],
    on: Annotated[Path | None, typer.Option(help="Data card (or folder of videos) to train on; for recipes")] = None,
    test: Annotated[list[Path] | None, typer.Option(help="Data card to evaluate on; repeat for several")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="CLIP or SigLIP of images and class names, or what a sensor's encoder begins with; for recipes"
        ),
    ] = None,
    set: Annotated[
        list[str] | None, typer.Option(help="field=value; `egoshift recipes NAME` prints all fields; repeat")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; by default runs/<its name>")] = None,
    device: Annotated[Device, typer.Option(help="auto is CUDA where there is a device")] = Device.AUTO,
    resume: Annotated[bool, typer.Option(help="Go on from where it was interrupted")] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write TensorBoard's event files there, while it trains")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Fit a method on extracted features; the run with every default and override is kept beside the models."""
    from egoshift.errors import ConfigError
    from egoshift.processes import processes
    from egoshift.recipes import override, read_run
    from egoshift.recipes import recipe as find_recipe
    from egoshift.recipes import train as train_run
    from egoshift.recipes.tensorboard import Live
    from egoshift.training import FitProgress
    from egoshift.training.checkpoint import RESUME_FILE

    if Path(recipe).suffix in (".yaml", ".yml"):
        if on is not None or test or encoder is not None:
            raise ConfigError(f"{recipe}: a run file names its own data; use --set train=… instead of --on, and so on")
        run = read_run(Path(recipe))
    else:
        make = find_recipe(recipe)
        if on is None:
            raise ConfigError(f"recipe {recipe} needs --on, the data card to train on")
        targets = tuple(test or ())
        run = make(on, targets) if encoder is None else make(on, targets, encoder=encoder)
    run = override(run, set or ())
    folder = out or Path("runs") / run.name
    interrupted = sorted(folder.glob(f"models/*/{RESUME_FILE}"))
    if interrupted and not resume:
        raise ConfigError(
            f"{interrupted[0]}: is of an interrupted training, which --resume takes up; remove it to begin anew"
        )
    live = Live(tensorboard, run.name, resume=resume) if tensorboard is not None and processes().is_first else None

    with progress(f"training {run.name}") as bar:

        def report(labels: str, state: FitProgress, bar: Report = bar) -> None:
            done = state.epoch + state.step / state.num_steps
            bar(round(done, 2), state.num_epochs, f"{labels}: loss {state.loss:.3f}, {state.clips_per_s:.0f} clips/s")
            if live is not None:
                live.step(labels, state)

        reports = train_run(run, folder, device=device.value, resume=resume, progress=report)
    if live is not None:
        live.finish(reports)
    if json:
        print_json({labels: fitted.model_dump(mode="json") for labels, fitted in reports.items()})
        return
    for labels, fitted in reports.items():
        lost = fitted.dropped | ({"unlabelled": fitted.unlabelled} if fitted.unlabelled else {})
        kinds = ", ".join(f"{number} {kind}" for kind, number in lost.items())
        left_out = f" ({sum(lost.values())} left out: {kinds})" if lost else ""
        if fitted.selection != "none":
            where = "the target (oracle)" if fitted.selection == "oracle" else "held-out training videos"
            score = "" if fitted.score is None else f", {fitted.score:.1f}% top-1 on {where}"
            answers.print(
                f"{labels}: epoch {(fitted.epoch or 0) + 1} of {fitted.settings.epochs} kept{score}; "
                f"{fitted.clips} clips{left_out}, {fitted.parameters} parameters, {fitted.seconds:.1f} s",
                markup=False,
            )
        if fitted.note:
            answers.print(f"{labels}: {fitted.note}", markup=False)
    answers.print(f"models in {folder / 'models'}; next: egoshift evaluate {folder}", markup=False)
