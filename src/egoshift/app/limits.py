"""How much the page takes, and for how long."""

from dataclasses import dataclass

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What one server holds at a time.

    Attributes:
        max_mb: The largest file taken, in millions of bytes.
        max_minutes: The longest video taken.
        keep_minutes: After so long without a sign of its page, a recording is removed.
        most_recordings: Recordings held at a time, of all users together.
        most_waiting: Runs that wait at a time.
        most_runs: Finished runs kept of each recording; of more, the oldest are forgotten.
        most_megapixels: The largest picture of a video taken, in millions of pixels.
        most_looking: Frames, crops and traces made at a time.
        most_checking: Tables of sensors looked through at a time, before they are taken.
        silent_s: After so long without a byte, a body is given up; a slow one is judged after as long.
        least_kb_a_s: How quickly a body has to come on average, in thousands of bytes a second.
        most_upload_minutes: How long it may take in all.
        each_recordings: Of the recordings, how many may be one client's.
        each_uploads: How many of its videos and tables at a time may be on their way.
        each_waiting: Of the runs that wait, how many.
        each_requests: Requests of one client at a time.
        each_requests_a_s: Requests of one client a second, on average.
        decoding_mb: Memory that decoding may take, in a process of its own.
        decoding_silent_s: How long it may do nothing.
    """

    max_mb: float = 500.0
    max_minutes: float = 30.0
    keep_minutes: float = 60.0
    most_recordings: int = 20
    most_waiting: int = 20
    most_runs: int = 12
    most_megapixels: float = 40.0
    most_looking: int = 4
    most_checking: int = 2
    silent_s: float = 20.0
    least_kb_a_s: float = 10.0
    most_upload_minutes: float = 60.0
    each_recordings: int = 10
    each_uploads: int = 4
    each_waiting: int = 10
    each_requests: int = 24
    each_requests_a_s: float = 50.0
    decoding_mb: float = 2000.0
    decoding_silent_s: float = 30.0

    @property
    def max_table_mb(self) -> float:
        """The largest table of a sensor taken, in millions of bytes; readings are much less than pictures."""
        return self.max_mb / 5

    @property
    def max_s(self) -> float:
        """The longest video taken, in seconds."""
        return 60 * self.max_minutes
