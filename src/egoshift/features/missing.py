"""What is missing of a store, encoded here or by workers, and added to it as it comes."""

from collections.abc import Generator, Sequence
from contextlib import closing

from egoshift.errors import Fault
from egoshift.features.crew import run_on_workers
from egoshift.features.draft import Draft
from egoshift.features.jobs import Encoded, Failed, Finished
from egoshift.features.progress import Meter
from egoshift.features.wanted import Wanted
from egoshift.features.work import AbstractWork, Workers, Written


def encode_missing(
    draft: Draft, wanted: Sequence[Wanted], work: AbstractWork, meter: Meter, workers: Workers | None
) -> dict[str, Fault]:
    """Encodes what is missing, adds each video to the draft as it is finished, and gives the faults of the others.

    Raises:
        ConfigError: There are no such workers.
    """
    failed: dict[str, Fault] = {}
    todo = {video.video_id: video for video in wanted if len(video.missing_s)}
    if not todo:
        return failed
    draft.open()
    with closing(_events(draft, list(todo.values()), work, workers)) as events:
        for event in events:
            if isinstance(event, Encoded):
                meter.encoded(event.video_id, event.num_rows)
            elif isinstance(event, Failed):
                failed[event.video_id] = event.fault
                meter.failed(event.video_id)
            else:
                if isinstance(event, Written):
                    draft.take(todo[event.video_id], event.part)
                else:
                    draft.add(todo[event.video_id], event.rows)
                meter.finished()
    return failed


def _events(
    draft: Draft, todo: Sequence[Wanted], work: AbstractWork, workers: Workers | None
) -> Generator[Encoded | Finished | Failed | Written, None, None]:
    if workers is None:
        yield from work.run(todo, draft.room)
    else:
        yield from run_on_workers(work, todo, draft.shards(), workers)
