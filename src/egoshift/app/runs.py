"""What was asked of a model: one run at a time, the others wait, and clients take turns."""

import secrets
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from threading import Condition, Thread
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from egoshift.allocator import give_back_blocks
from egoshift.app.folder import remove_folder
from egoshift.app.limits import Limits
from egoshift.app.models import Models, Progress
from egoshift.app.recordings import Recording
from egoshift.app.refusals import RefusedError, gone
from egoshift.app.uploads import not_written
from egoshift.errors import EgoshiftError

if TYPE_CHECKING:
    from egoshift.app.answers import Answer

State = Literal["waiting", "loading", "running", "done", "failed", "cancelled"]

ENDED: tuple[State, ...] = ("done", "failed", "cancelled")
CLOSING_S = 5.0
"""So long a run is waited for when the server ends; one that is loading a model cannot stop sooner."""

_RETRY_S = 15

MOST_CLASSES = 20_000
"""Of a kind; more are encoded for so long, in one go, that nobody else's run would ever begin."""

ClassName = Annotated[str, Field(min_length=1, max_length=200)]
ClassNames = Annotated[tuple[ClassName, ...], Field(max_length=MOST_CLASSES)]


class Ask(BaseModel):
    """What to recognise, with what.

    Attributes:
        recording: Its id.
        model: The model's number.
        verbs: Classes in place of the model's own.
        nouns: As ``verbs``.
        without: Sensors that are switched off.
        threshold: Below which confidence a stretch is background.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recording: str
    model: int = 0
    verbs: ClassNames | None = None
    nouns: ClassNames | None = None
    without: tuple[Annotated[str, Field(max_length=40)], ...] = ()
    threshold: float = Field(default=0.0, ge=0, le=1)


class Run:
    """One question and how far it is with its answer."""

    def __init__(self, ask: Ask, recording: Recording):
        self.id = secrets.token_urlsafe(16)
        self.ask, self.recording = ask, recording
        self.state: State = "waiting"
        self.is_stopped = False
        self.progress: Progress | None = None
        self.error = ""
        self.answer: Answer | None = None

    def told(self, ahead: int) -> dict[str, object]:
        """What the page is told; ``ahead`` is how many come before it."""
        told: dict[str, object] = {"id": self.id, "state": self.state, "ahead": ahead, "error": self.error}
        if self.progress is not None:
            names = ("stage", "done", "total", "frames_per_s", "seconds_left")
            told |= {name: getattr(self.progress, name) for name in names}
        return told | {"answered": self.answer is not None}


class Runs:
    """All runs of a server, and the one thread that works on them.

    Args:
        models: Whom to ask.
        limits: How many wait, how many are kept.
    """

    def __init__(self, models: Models, limits: Limits):
        self._models, self._limits = models, limits
        self._runs: dict[str, Run] = {}
        self._waiting: deque[Run] = deque()
        self._current: Run | None = None
        self._is_closed = False
        self._changed = Condition()
        self._worker = Thread(target=self._work, name="runs", daemon=True)
        self._worker.start()

    def submit(self, ask: Ask, recording: Recording) -> Run:
        """Put a question into the queue.

        Raises:
            RefusedError: Too many wait already, in all or of this client; there is no such model; or the video was
                removed meanwhile.
        """
        if not 0 <= ask.model < len(self._models):
            raise RefusedError(422, "there is no such model; start the page with `egoshift app --model DIR`")
        run = Run(ask, recording)
        with self._changed:
            if recording.is_removed:
                raise gone("video")
            if len(self._waiting) >= self._limits.most_waiting:
                text = f"{len(self._waiting)} runs are waiting already; try again in a while"
                raise RefusedError(503, text, retry_s=_RETRY_S)
            own = [one for one in self._waiting if one.recording.owner == recording.owner]
            if len(own) >= self._limits.each_waiting:
                raise RefusedError(429, f"{len(own)} of your runs are waiting already", retry_s=_RETRY_S)
            self._forget_oldest(recording)
            self._runs[run.id] = run
            self._waiting.insert(fair_place([one.recording.owner for one in self._waiting], recording.owner), run)
            self._changed.notify()
        return run

    def get(self, id: str) -> Run:
        """The run with this id.

        Raises:
            RefusedError: There is none.
        """
        run = self._runs.get(id)
        if run is None:
            raise gone("run")
        return run

    def told(self, run: Run) -> dict[str, object]:
        """What the page is told of a run, its place in the queue included."""
        with self._changed:
            ahead = (self._current is not None) + self._waiting.index(run) if run in self._waiting else 0
            return run.told(ahead)

    def answer(self, id: str) -> "tuple[Run, Answer]":
        """A run that has an answer, and that.

        Raises:
            RefusedError: There is no such run, or it has none (yet).
        """
        run = self.get(id)
        if run.answer is None:
            raise RefusedError(409, "this run has no timeline yet")
        return run, run.answer

    def cancel(self, run: Run) -> None:
        """Stop a run; what it has found is kept."""
        with self._changed:
            run.is_stopped = True
            if run in self._waiting:
                self._waiting.remove(run)
                run.state = "cancelled"

    def leave(self, recording: Recording) -> None:
        """Stop and forget every run on a recording."""
        with self._changed:
            for run in [run for run in self._runs.values() if run.recording is recording]:
                self.cancel(run)
                del self._runs[run.id]

    def close(self) -> None:
        """Stop all runs, and wait a little for the one at work."""
        with self._changed:
            self._is_closed = True
            for run in [*self._waiting, *([self._current] if self._current else [])]:
                run.is_stopped = True
            self._waiting.clear()
            self._changed.notify()
        self._worker.join(CLOSING_S)

    def _forget_oldest(self, recording: Recording) -> None:
        ended = [run for run in self._runs.values() if run.recording is recording and run.state in ENDED]
        for run in ended[: max(0, len(ended) + 1 - self._limits.most_runs)]:
            del self._runs[run.id]

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                run = self._current = self._waiting.popleft()
                run.state = "loading"
            try:
                self._answer(run)
            finally:
                with self._changed:
                    self._current = None
                if run.recording.is_removed:
                    remove_folder(run.recording.folder)
                give_back_blocks()

    def _answer(self, run: Run) -> None:
        try:
            self._predict(run)
        except EgoshiftError as error:
            text = self._models.public(run.ask.model, run.recording.public(str(error)))
            run.error, run.state = text, "failed"
        except OSError as error:
            run.error, run.state = str(not_written(run.recording.name, error)), "failed"
        except Exception as error:
            run.error, run.state = said_of_ours(error), "failed"
        run.recording.seen_s = time.monotonic()

    def _predict(self, run: Run) -> None:
        from egoshift.app.answers import make_answer
        from egoshift.prediction.scan import Stopped

        ask, recording = run.ask, run.recording
        model = self._models.get(ask.model)
        run.state = "running"
        try:
            prediction = model.predict(
                recording.path,
                verbs=_unless_empty(ask.verbs),
                nouns=_unless_empty(ask.nouns),
                threshold=ask.threshold,
                sensors=dict(recording.sensors) or None,
                without=ask.without,
                hands=recording.hands,
                cache=recording.cache,
                progress=lambda progress: setattr(run, "progress", progress),
                stop=lambda: run.is_stopped,
            )
        except Stopped:  # before there was anything to keep
            run.state = "cancelled"
            return
        run.answer = make_answer(prediction, recording)
        run.state = "cancelled" if run.is_stopped else "done"


def fair_place(waiting: Sequence[str], owner: str) -> int:
    """Where in a queue one more run of an owner goes: owners take turns, each with its runs in the order they came.

    >>> fair_place(["a", "a", "a"], "b"), fair_place(["a", "b", "a", "a"], "b"), fair_place(["a", "b"], "a")
    (1, 3, 2)
    """
    turn = waiting.count(owner)
    return next((place for place, one in enumerate(waiting) if waiting[:place].count(one) > turn), len(waiting))


def said_of_ours(error: Exception) -> str:
    """What a person is told of a fault of ours; the terminal is told where it happened, and the server goes on.

    Not what the fault says of itself: that may hold names which a person gave.
    """
    stack = "".join(traceback.format_tb(error.__traceback__))
    print(f"Traceback (most recent call last):\n{stack}{type(error).__name__}", file=sys.stderr, flush=True)
    return f"egoshift itself failed ({type(error).__name__}); the terminal of the server says where"


def _unless_empty(names: Sequence[str] | None) -> Sequence[str] | None:
    return names or None
