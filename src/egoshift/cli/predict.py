"""``egoshift predict``: recordings and a list of words in, timelines out."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.isolating import ISOLATE, isolated_if
from egoshift.cli.predicting import Job, run_live

if TYPE_CHECKING:
    from egoshift.prediction import Asked, Predictor

EXAMPLES = """Examples:

  egoshift predict walk.mp4 --model runs/xmic

  egoshift predict walk.mp4 --model runs/xmic --verbs "cut, stir" --nouns nouns.txt --format srt --format eaf -o out/

  egoshift predict walk.mp4 --model runs/mmg_many_shot --without audio --overlay shown.mp4

  egoshift predict --camera 0 --model runs/xmic"""

MODEL = "Folder of a run, of one of its models or of a saved predictor; or an id of the hub"


class Form(StrEnum):
    """What to write besides."""

    JSON = "json"
    CSV = "csv"
    SRT = "srt"
    VTT = "vtt"
    EAF = "eaf"


class ImuLayout(StrEnum):
    """How the table of an IMU is laid out."""

    EGO4D = "ego4d"
    GOPRO = "gopro"
    WEAR = "wear"


def predict(
    videos: Annotated[
        list[Path] | None, typer.Argument(metavar="VIDEO...", help="Video or sound files, or folders of frames")
    ] = None,
    model: Annotated[str, typer.Option(help=MODEL)] = ...,  # type: ignore[assignment]
    verbs: Annotated[
        str | None, typer.Option(help="A file with a name a line, or names with commas; by default the model's own")
    ] = None,
    nouns: Annotated[str | None, typer.Option(help="The same for nouns")] = None,
    actions: Annotated[Path | None, typer.Option(help="CSV verb,noun: the pairs that occur; by default all")] = None,
    synonyms: Annotated[Path | None, typer.Option(help="CSV name,canonical: further names of the classes")] = None,
    segments: Annotated[
        Path | None, typer.Option(help="CSV start,stop[,video]: stretches to judge instead of windows")
    ] = None,
    window: Annotated[
        float | None, typer.Option(help="Seconds an answer is about; by default by the training clips")
    ] = None,
    stride: Annotated[
        float | None, typer.Option(help="Seconds from answer to answer; by default a sixth of a window")
    ] = None,
    smooth: Annotated[float | None, typer.Option(help="Seconds averaged over; 0 for none")] = None,
    threshold: Annotated[float, typer.Option(help="Segments below this confidence are background", min=0, max=1)] = 0.0,
    top: Annotated[int, typer.Option(help="Classes to name for each segment", min=1)] = 5,
    format: Annotated[list[Form] | None, typer.Option(help="Write this too; repeat for several")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for what is written")] = Path(),
    overlay: Annotated[
        Path | None, typer.Option(help="Write the video with labels, hand boxes and confidences drawn into it")
    ] = None,
    without: Annotated[list[str] | None, typer.Option(help="Do without video, audio or imu; repeat")] = None,
    audio: Annotated[Path | None, typer.Option(help="Sound file; by default in the video or beside it")] = None,
    imu: Annotated[Path | None, typer.Option(help="IMU table; by default VIDEO's name with .imu.csv")] = None,
    imu_layout: Annotated[ImuLayout, typer.Option(help="How that table is laid out")] = ImuLayout.EGO4D,
    hands: Annotated[
        Path | None, typer.Option(help="Hand detections or a palm model; by default VIDEO's name with .hands.csv")
    ] = None,
    hands_format: Annotated[str | None, typer.Option(help="boxes, palm, epic-hoa or egoclip")] = None,
    frame_rate: Annotated[float | None, typer.Option(help="Frames a second of folders of frames")] = None,
    encoder: Annotated[str | None, typer.Option(help="Where the encoder's weights lie here, if elsewhere")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for features; by default in ~/.cache/egoshift")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 …")] = "auto",
    isolate: Annotated[bool, typer.Option("--isolate", help=ISOLATE)] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Live: a video stream on standard input")] = False,
    camera: Annotated[int | None, typer.Option(help="Live: the number of a camera", min=0)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Recognise what the wearer of a camera does, and when; encodes each recording once.

    Ctrl-C keeps what is done: the timeline so far is shown and written, marked partial, and the same command goes on.
    """
    from egoshift.errors import ConfigError
    from egoshift.prediction import Predictor

    live = stdin or camera is not None
    if bool(videos) == live or (stdin and camera is not None):
        raise ConfigError("give videos, --stdin or --camera: exactly one of them")
    if overlay is not None and len(videos or ()) != 1:
        raise ConfigError("--overlay draws into one video; give one")
    if isolate and (live or overlay is not None):
        raise ConfigError("--isolate is for files that are only read; leave out --overlay, --stdin and --camera")
    predictor = Predictor.from_pretrained(model, encoder=encoder, device=device)
    asked = _asked(predictor, verbs, nouns, actions, synonyms, window, stride, smooth, threshold, top)
    if live:
        run_live(predictor, asked, "-" if stdin else str(camera), json)
        return
    beside = {name: path for name, path in (("audio", audio), ("imu", imu)) if path is not None}
    options = {
        "sensors": beside or None,
        "without": tuple(without or ()),
        "hands": hands,
        "hands_format": hands_format,
        "imu_layout": imu_layout.value,
        "frame_rate_hz": frame_rate,
        "cache": cache,
    }
    listed = (Path(words) for words in (verbs, nouns) if words is not None)
    given = [path for path in (segments, actions, synonyms, audio, imu, hands, *listed) if path is not None]
    forms = tuple(form.value for form in format or ())
    job = Job(predictor, asked, options, _spans(segments), forms, out, overlay, given)
    with isolated_if(isolate):
        job.run(videos or [], as_json=json)


def _asked(
    predictor: "Predictor",
    verbs: str | None,
    nouns: str | None,
    actions: Path | None,
    synonyms: Path | None,
    window: float | None,
    stride: float | None,
    smooth: float | None,
    threshold: float,
    top: int,
) -> "Asked":
    from egoshift.prediction import Asked
    from egoshift.prediction.words import read_pairs, read_synonyms, read_words

    asked = Asked(
        verbs=None if verbs is None else read_words(verbs, "verbs"),
        nouns=None if nouns is None else read_words(nouns, "nouns"),
        synonyms={} if synonyms is None else dict(read_synonyms(synonyms)),
        window_s=window,
        stride_s=stride,
        smoothing_s=smooth,
        threshold=threshold,
        top_k=top,
    )
    if actions is None:
        return asked
    from dataclasses import replace

    own = predictor.classes
    pairs = read_pairs(actions, asked.verbs or own.get("verb", ()), asked.nouns or own.get("noun", ()))
    return replace(asked, actions=pairs)


def _spans(path: Path | None) -> Callable[[Path], list[tuple[float, float]] | None]:
    """The segments of each video in a table, by the video's name; of a table without videos, the same for all."""
    if path is None:
        return lambda video: None
    from egoshift.prediction.segment_table import read_segments

    table = read_segments(path)
    return table.of
