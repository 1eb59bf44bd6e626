"""Recordings one after the other, or a stream as it comes: shown, and written where asked for."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from egoshift.cli.console import Report, answers, errors, print_json, progress

if TYPE_CHECKING:
    from egoshift.prediction import Asked, Prediction, Predictor, PredictProgress

_INTERRUPTED = 130


class Job:
    """Several recordings, one after the other; one that cannot be read, or not be written about, does not end it."""

    def __init__(
        self,
        predictor: "Predictor",
        asked: "Asked",
        options: Mapping[str, Any],
        spans: Callable[[Path], list[tuple[float, float]] | None],
        formats: Sequence[str],
        out: Path,
        overlay: Path | None,
        given: Sequence[Path] = (),
    ):
        self._given = given
        self._predictor, self._asked, self._options, self._spans = predictor, asked, options, spans
        self._formats, self._out, self._overlay = formats, out, overlay
        self._failed = self._interrupted = False

    def run(self, videos: Sequence[Path], *, as_json: bool) -> None:
        """Predicts, shows and writes; exits with 1 where something failed, with 130 where it was interrupted."""
        from egoshift.errors import EgoshiftError

        self._check_names(videos)
        self._check_given(videos)
        documents = []
        for video in videos:
            try:
                prediction = self._predict(video)
                if as_json:
                    documents.append(prediction.timeline.model_dump(mode="json"))
                else:
                    _show(prediction)
                self._write(prediction)
            except EgoshiftError as error:
                self._failed = True
                errors.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
            if self._interrupted:
                break
        if as_json:
            print_json(documents)
        if self._interrupted:
            raise typer.Exit(_INTERRUPTED)
        if self._failed:
            raise typer.Exit(1)

    def _check_names(self, videos: Sequence[Path]) -> None:
        from egoshift.errors import ConfigError

        stems = [video.stem for video in videos]
        twice = next((stem for stem in stems if stems.count(stem) > 1), None)
        if self._formats and twice is not None:
            raise ConfigError(
                f"several videos are called {twice}, and would be written to one file; run one at a time, each into an "
                "--out of its own"
            )

    def _check_given(self, videos: Sequence[Path]) -> None:
        """What is written may take the place of what was written before, and not of what is read."""
        from egoshift.errors import ConfigError
        from egoshift.foreign import is_there

        inputs = {path.resolve() for path in (*videos, *self._given) if is_there(path)}
        written = [self._path(video, form) for video in videos for form in self._formats]
        for path in written if self._overlay is None else (*written, self._overlay):
            if path.resolve() in inputs:
                raise ConfigError(f"{path}: is read, and would be overwritten; give another folder with --out")

    def _path(self, video: Path, form: str) -> Path:
        return self._out / f"{video.stem}.{form}"

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
            path = self._path(prediction.path, form)
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


def run_live(predictor: "Predictor", asked: "Asked", source: str, as_json: bool) -> None:
    """Print an answer a stride, and at the end the latencies."""
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
