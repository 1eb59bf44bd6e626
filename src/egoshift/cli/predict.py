"""``egoshift predict``: recordings and a list of words in, timelines out."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from egoshift.cli.console import Report, answers, errors, print_json, progress

if TYPE_CHECKING:
    from egoshift.prediction import Asked, Prediction, Predictor, PredictProgress

EXAMPLES = """Examples:

  egoshift predict walk.mp4 --model runs/xmic

  egoshift predict walk.mp4 --model runs/xmic --verbs "cut, stir" --nouns nouns.txt --format srt --format eaf -o out/

  egoshift predict walk.mp4 --model runs/mmg_many_shot --without audio --overlay shown.mp4

  egoshift predict --camera 0 --model runs/xmic"""

MODEL = "Folder of a run, of one of its models or of a saved predictor; or an id of the hub"
_INTERRUPTED = 130


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
    threshold: Annotated[float, typer.Option(help="Below this confidence it is background", min=0, max=1)] = 0.0,
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
    predictor = Predictor.from_pretrained(model, encoder=encoder, device=device)
    asked = _asked(predictor, verbs, nouns, actions, synonyms, window, stride, smooth, threshold, top)
    if live:
        _run_live(predictor, asked, "-" if stdin else str(camera), json)
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
    job = _Job(predictor, asked, options, _spans(segments), tuple(form.value for form in format or ()), out, overlay)
    job.run(videos or [], as_json=json)


class _Job:
    """Several recordings, one after the other; one that cannot be read does not end it."""

    def __init__(
        self,
        predictor: "Predictor",
        asked: "Asked",
        options: Mapping[str, Any],
        spans: Callable[[Path], list[tuple[float, float]] | None],
        formats: Sequence[str],
        out: Path,
        overlay: Path | None,
    ):
        self._predictor, self._asked, self._options, self._spans = predictor, asked, options, spans
        self._formats, self._out, self._overlay = formats, out, overlay
        self._failed = self._interrupted = False

    def run(self, videos: Sequence[Path], *, as_json: bool) -> None:
        """Predicts, shows and writes; exits with 1 where something failed, with 130 where it was interrupted."""
        from egoshift.errors import EgoshiftError

        self._check_names(videos)
        documents = []
        for video in videos:
            try:
                prediction = self._predict(video)
            except EgoshiftError as error:
                self._failed = True
                errors.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
                continue
            if as_json:
                documents.append(prediction.timeline.model_dump(mode="json"))
            else:
                _show(prediction)
            self._write(prediction)
            if self._interrupted:
                break
        if as_json:
            print_json(documents)
        if self._interrupted:
            errors.print("interrupted; what was done is above, marked partial, and the same command goes on from there")
            raise typer.Exit(_INTERRUPTED)
        if self._failed:
            raise typer.Exit(1)

    def _check_names(self, videos: Sequence[Path]) -> None:
        from egoshift.errors import ConfigError

        stems = [video.stem for video in videos]
        twice = next((stem for stem in stems if stems.count(stem) > 1), None)
        if self._formats and twice is not None:
            raise ConfigError(f"several videos are called {twice}, and would be written to one file; run one at a time")

    def _predict(self, video: Path) -> "Prediction":
        from dataclasses import replace

        asked = replace(self._asked, segments=self._spans(video))
        with _shown(video) as tell:
            prediction = self._predictor.predict(video, asked=asked, progress=tell, **self._options)
        self._interrupted = prediction.interrupted
        self._failed = self._failed or prediction.timeline.partial
        return prediction

    def _write(self, prediction: "Prediction") -> None:
        from egoshift.prediction.formats import write_timeline
        from egoshift.prediction.overlay import write_overlay

        for form in self._formats:
            path = self._out / f"{prediction.path.stem}.{form}"
            write_timeline(prediction.timeline, form, path)
            errors.print(f"wrote {path}", markup=False, soft_wrap=True)
        if self._overlay is not None and not self._interrupted:
            with progress(f"drawing {self._overlay.name}") as bar:
                for notice in write_overlay(prediction, self._overlay, bar):
                    errors.print(f"  {notice}", markup=False, soft_wrap=True)
            errors.print(f"wrote {self._overlay}", markup=False, soft_wrap=True)


def _show(prediction: "Prediction") -> None:
    from egoshift.cli.timeline import timeline_view

    answers.print(timeline_view(prediction.timeline, answers.width))
    for name, state in prediction.timeline.sensors.items():
        if state != "used":
            errors.print(f"  {name} {state}", markup=False, soft_wrap=True)
    for notice in prediction.timeline.notices:
        errors.print(f"  {notice}", markup=False, soft_wrap=True)


@contextmanager
def _shown(video: Path) -> Iterator[Callable[["PredictProgress"], None]]:
    """A progress bar of a recording's encoding, with frames a second."""
    with progress(video.name) as bar:

        def tell(state: "PredictProgress", bar: Report = bar) -> None:
            bar(state.done, state.total, f"{state.stage}: {state.frames_per_s:.0f}/s")

        yield tell


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


def _run_live(predictor: "Predictor", asked: "Asked", source: str, as_json: bool) -> None:
    """Prints an answer a stride, and at the end the latencies."""
    import json

    import numpy as np

    from egoshift.prediction.live import Live, LiveSource

    live, stream, latencies_s = Live(predictor, asked), LiveSource(source), list[float]()
    errors.print(f"{stream.name}: an answer every {live.stride_s:.2f} s; ctrl-C ends it", markup=False)
    try:
        for answer in live.run(stream):
            latencies_s.append(answer.latency_s)
            if as_json:
                guesses = {label: [guess.model_dump() for guess in found] for label, found in answer.guesses.items()}
                moment = {"time_s": round(answer.time_s, 3), "latency_s": round(answer.latency_s, 4)}
                line = {**moment, "guesses": guesses}
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                sys.stdout.flush()
                continue
            told = "  ".join(f"{found[0].name} {100 * found[0].confidence:.0f}%" for found in answer.guesses.values())
            answers.print(f"{answer.time_s:8.2f} s  {told}  ({1000 * answer.latency_s:.0f} ms)", markup=False)
    except KeyboardInterrupt:
        pass
    finally:
        stream.close()
    if latencies_s:
        median, high = np.percentile(1000 * np.array(latencies_s), [50, 95]).tolist()
        late = f"; {stream.dropped} pictures came too late" if stream.dropped else ""
        errors.print(f"latency: median {median:.0f} ms, 95% below {high:.0f} ms, {len(latencies_s)} answers{late}")
