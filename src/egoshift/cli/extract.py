"""``egoshift extract``: frozen features, encoded once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from egoshift.cli.console import Report, answers, errors, print_json, progress
from egoshift.cli.data import CARD
from egoshift.cli.isolating import ISOLATE, isolated_if

EXAMPLES = """Examples:

  egoshift extract kitchen.yaml home.yaml --encoder openai/clip-vit-base-patch16

  egoshift extract my_videos/ --encoder ./clip-folder --rate 8

  egoshift extract multimodal.yaml --encoder imu:runs/mmg_imu/models/action

  egoshift extract kitchen.yaml --encoder openai/clip-vit-base-patch16 --ray 10.0.0.1:6379"""


class Arithmetic(StrEnum):
    """In what an encoder computes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class By(StrEnum):
    """What computes an image encoder."""

    TORCH = "torch"
    COMPILED = "compiled"
    OPENVINO = "openvino"


def extract(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help=CARD)],
    encoder: Annotated[
        str,
        typer.Option(
            help="Hub id, folder or file of a CLIP, SigLIP, DINOv2 or LaViLa; pixels:NAME for pictures; SENSOR:FOLDER "
            "for a trained encoder of video, audio, imu …"
        ),
    ],
    views: Annotated[
        str | None,
        typer.Option(help="full, hand or full,hand; by default hand crops too where the card has detections"),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Times a second of the grid; by default 4 frames, or 2 windows of a sensor", min=0.01),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …")] = "auto",
    precision: Annotated[
        Arithmetic, typer.Option(help="auto is bfloat16 where the processor has it")
    ] = Arithmetic.AUTO,
    runtime: Annotated[
        By, typer.Option(help="What computes, on a CPU: compiled needs a C++ compiler, openvino its extra")
    ] = By.TORCH,
    batch_size: Annotated[int, typer.Option(help="Images, or windows, per call of the encoder", min=1)] = 16,
    workers: Annotated[
        int | None,
        typer.Option(help="Encode in so many processes that share the cores (extra ray)", min=1, show_default=False),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Encode on this Ray cluster, of which this machine is one; all see the same files at the same paths",
        ),
    ] = None,
    isolate: Annotated[bool, typer.Option("--isolate", help=ISOLATE)] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait while another process writes the store")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Encode every data set's frames, or a sensor's windows, once; may be stopped at any time and goes on where it was.

    Exit code 1 if anything was left out; what was extracted is valid all the same.
    """
    from egoshift.datasets import DataCard
    from egoshift.encoders import sensor_of
    from egoshift.errors import ConfigError
    from egoshift.features import ExtractProgress, FramePlan, Workers
    from egoshift.recipes import fill_store

    wanted: Any = None if views is None else tuple(view.strip() for view in views.split(","))
    if wanted is not None and wanted not in (("full",), ("hand",), ("full", "hand")):
        raise ConfigError(f"--views {views}: expected full, hand or full,hand")
    unit = "frames" if sensor_of(encoder) is None else "windows"
    documents = []
    for path in cards:
        card = DataCard.read(path)
        with isolated_if(isolate), progress(f"extracting {card.name}") as bar:

            def show(state: ExtractProgress, bar: Report = bar) -> None:
                rates = f"{state.frames_per_s:.0f} {unit}/s, {state.clips_per_s:.1f} clips/s"
                videos = f"video {state.videos_done} of {state.videos_total}"
                bar(state.frames_done, state.frames_total, f"{rates}, {videos}")

            report = fill_store(
                card,
                encoder,
                views=wanted,
                plan=None if rate is None else FramePlan(rate_hz=rate),
                device=device,
                precision=precision.value,
                runtime=runtime.value,
                batch_size=batch_size,
                progress=show,
                workers=None if workers is None and ray is None else Workers(workers, ray),
                wait=wait,
            )
        documents.append(
            {
                "name": card.name,
                "store": str(report.store.path),
                "videos": report.videos_total,
                "videos_encoded": report.videos_encoded,
                "videos_kept": report.videos_kept,
                "frames_encoded": report.frames_encoded,
                "clips": report.clips_total,
                "clips_usable": report.clips_usable,
                "seconds": round(report.seconds, 2),
                "feature_error": None if report.error is None else report.error.model_dump(),
                "faults": [str(fault) for fault in report.faults],
                "notices": list(report.notices),
            }
        )
        for line in (*report.notices, *map(str, report.faults)):
            errors.print(f"  {line}", markup=False, soft_wrap=True)
        if not json:
            answers.print(
                f"{card.name}: {report.clips_usable} of {report.clips_total} clips in {report.store.path}; "
                f"{report.videos_encoded} videos encoded, {report.videos_kept} were there; "
                f"{report.frames_encoded} {unit} in {report.seconds:.1f} s",
                markup=False,
            )
            if report.error is not None:
                answers.print(f"  {error_line(report.store.manifest)}", markup=False)
    if json:
        print_json(documents)
    if any(document["faults"] for document in documents):
        raise typer.Exit(1)


def error_line(manifest: Any) -> str:
    """How far a store's features are from those of float32."""
    error, encoder = manifest.error, manifest.encoder
    return (
        f"{encoder.dtype} by {encoder.runtime}: 1 - cosine to float32 is {error.mean:.1e} on average and "
        f"{error.max:.1e} at most, over {error.frames} of these frames"
    )
