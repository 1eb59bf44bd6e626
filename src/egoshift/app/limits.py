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
    """

    max_mb: float = 500.0
    max_minutes: float = 30.0
    keep_minutes: float = 60.0
    most_recordings: int = 20
    most_waiting: int = 20
    most_runs: int = 12

    @property
    def max_bytes(self) -> int:
        """The largest file taken, in bytes."""
        return int(self.max_mb * MEGABYTE)

    @property
    def max_s(self) -> float:
        """The longest video taken, in seconds."""
        return 60 * self.max_minutes
