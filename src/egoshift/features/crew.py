"""Work on workers: who encodes what, what comes of it, and what is done when one is lost or slow.

A worker writes the missing rows of each video into a part in a shard of its own; whoever runs the crew holds the store
and takes finished parts over. So a worker that was given up but lives on can spoil nothing: its shard is not read.
"""

import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from egoshift.errors import ConfigError, Fault
from egoshift.features.cluster import Share, cluster
from egoshift.features.jobs import Encoded, Failed
from egoshift.features.wanted import Wanted
from egoshift.features.work import AbstractWork, Workers, Written
from egoshift.features.worker import Worker
from egoshift.isolation import walls

_ATTEMPTS = 3  # of a video whose worker is lost, and of a worker that does not start
_TASK_ROWS = 256  # short videos are handed out together up to so many rows, so that batches are full
_TASKS_EACH = 4  # but in no fewer tasks a worker than this
_SLOW, _LEAST_SLOW_S = 3.0, 10.0  # a straggler takes so many times the usual time, and so long
_POLL_S = 1.0
_PATIENCE_S = 300.0

News = Encoded | Failed | Written


def run_on_workers(
    work: AbstractWork, todo: Sequence[Wanted], shards: Path, workers: Workers
) -> Generator[News, None, None]:
    """Encodes what is missing of videos in other processes; closing the generator ends them.

    Args:
        work: How; is pickled once for all workers.
        todo: The videos.
        shards: Folder for what the workers write.
        workers: How many, and where.

    Raises:
        ConfigError: There are no such workers, or none could be started.
    """
    with cluster(workers, work.device) as (ray, shares):
        crew = _Crew(ray, work, todo, shards, shares)
        try:
            yield from crew.run()
        finally:
            crew.dismiss()


@dataclass(eq=False)
class _Post:
    """A worker's place: who has it now, what it does, and what is waited for."""

    share: Share
    actor: Any = None
    pending: Any = None
    task: list[Wanted] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    began_s: float = 0.0
    failures: int = 0


class _Crew:
    def __init__(self, ray: Any, work: AbstractWork, todo: Sequence[Wanted], shards: Path, shares: Sequence[Share]):
        self._ray, self._shards = ray, shards
        self._worker, self._work = ray.remote(Worker), ray.put(work)
        self._left = {video.video_id: video for video in todo}
        self._posts = [_Post(share) for share in shares]
        self._waiting = deque(in_tasks(todo, len(shares)))
        self._told: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._done_rows, self._done_s = 0, 0.0
        self._reason = "none was started"

    def run(self) -> Generator[News, None, None]:
        """Until every video is written or has failed."""
        for post in self._posts:
            self._hire(post)
        heard_s = time.monotonic()
        while self._left:
            self._hand_out()
            pending = [post.pending for post in self._posts if post.pending is not None]
            if not pending:
                raise ConfigError(_no_worker(self._reason))
            ready, _ = self._ray.wait(pending, timeout=_POLL_S)
            if ready or any(post.task for post in self._posts):
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > _PATIENCE_S:
                raise ConfigError(_no_worker(f"nothing was free for {_PATIENCE_S:.0f} s"))
            for post in self._posts:
                if any(post.pending is one for one in ready):
                    yield from self._listen(post)

    def dismiss(self) -> None:
        """Ends all workers."""
        for post in self._posts:
            self._end(post)

    def _hire(self, post: _Post) -> None:
        options = {"num_cpus": post.share.cpus, "num_gpus": post.share.gpus}
        shard = self._shards / uuid4().hex
        post.actor = self._worker.options(**options).remote(self._work, shard, Path.cwd(), post.share.cpus, walls())
        post.pending = post.actor.ready.remote()

    def _end(self, post: _Post) -> None:
        if post.actor is not None:
            self._ray.kill(post.actor)
        post.actor = post.pending = None

    def _hand_out(self) -> None:
        for post in self._posts:
            if post.actor is None or post.pending is not None:
                continue
            post.task = self._next_task()
            if not post.task:
                return
            post.rows, post.began_s = Counter(), time.monotonic()
            post.pending = post.actor.encode.options(num_returns="streaming").remote(post.task)

    def _next_task(self) -> list[Wanted]:
        """What waits; else what a straggler is at, a second time: who is first counts."""
        while self._waiting:
            if task := self._still_left(self._waiting.popleft()):
                return task
        now_s, per_row_s = time.monotonic(), self._done_s / max(1, self._done_rows)
        for post in sorted(self._posts, key=lambda post: post.began_s):
            limit_s = max(_LEAST_SLOW_S, _SLOW * per_row_s * _num_rows(post.task))
            if post.task and self._done_rows and now_s - post.began_s > limit_s:
                task = self._still_left(post.task)
                if not any(self._elsewhere(video, post) for video in task):
                    return task
        return []

    def _still_left(self, task: Sequence[Wanted]) -> list[Wanted]:
        return [video for video in task if video.video_id in self._left]

    def _elsewhere(self, video: Wanted, post: _Post) -> bool:
        return any(video is own for other in self._posts if other is not post for own in other.task)

    def _listen(self, post: _Post) -> Generator[News, None, None]:
        errors = self._ray.exceptions
        try:
            if not post.task:
                self._ray.get(post.pending)
                post.pending, post.failures = None, 0
                return
            try:
                news = self._ray.get(next(post.pending))
            except StopIteration:
                assert not self._still_left(post.task), "a worker says of each video what became of it"
                self._done_rows += _num_rows(post.task)
                self._done_s += time.monotonic() - post.began_s
                post.task, post.pending = [], None
                return
        except errors.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except errors.RayError as error:
            yield from self._lost(post, str(error))
            return
        yield from self._tell(post, news)

    def _tell(self, post: _Post, news: News) -> Generator[News, None, None]:
        """Passes on what is new: rows that a lost worker, or a slower one, had encoded were told of before."""
        name = news.video_id
        if name not in self._left:
            return
        if isinstance(news, Encoded):
            post.rows[name] += news.num_rows
            if (more := post.rows[name] - self._told[name]) > 0:
                self._told[name] += more
                yield Encoded(name, more)
            return
        del self._left[name]
        yield news

    def _lost(self, post: _Post, reason: str) -> Generator[News, None, None]:
        task, post.task = post.task, []
        self._end(post)
        for video in self._still_left(task):
            self._losses[video.video_id] += 1
            if self._losses[video.video_id] >= _ATTEMPTS:
                del self._left[video.video_id]
                yield Failed(video.video_id, _lost_worker(video))
            elif not self._elsewhere(video, post):
                self._waiting.appendleft([video])
        if not task:
            post.failures += 1
            self._reason = (reason.strip().splitlines() or ["no reason given"])[-1]
        if self._left and post.failures < _ATTEMPTS:
            self._hire(post)


def in_tasks(todo: Sequence[Wanted], num_workers: int) -> list[list[Wanted]]:
    """Videos as they are handed out: the longest first, so that none is begun last; short ones together."""
    limit = min(_TASK_ROWS, _num_rows(todo) // (num_workers * _TASKS_EACH))
    tasks: list[list[Wanted]] = []
    for video in sorted(todo, key=lambda video: -len(video.missing_s)):
        if tasks and _num_rows(tasks[-1]) + len(video.missing_s) <= limit:
            tasks[-1].append(video)
        else:
            tasks.append([video])
    return tasks


def _num_rows(task: Sequence[Wanted]) -> int:
    return sum(len(video.missing_s) for video in task)


def _lost_worker(video: Wanted) -> Fault:
    message = f"the worker that encoded it was lost {_ATTEMPTS} times"
    remedy = "where memory is short, take fewer workers or a smaller batch; else leave this video out"
    return Fault("lost-worker", video.info.path, message, remedy)


def _no_worker(reason: str) -> str:
    return (
        f"no worker could be started ({reason}); all machines need egoshift, free cores, and at the same paths the "
        "videos, the store and the folder that this is run in"
    )
