"""What the page is told when it asks for something that cannot be had, each with its HTTP status."""

import math

from egoshift.errors import EgoshiftError


class RefusedError(EgoshiftError):
    """A request that cannot be met; the text is shown as it is.

    Attributes:
        status: The HTTP status that says so.
        retry_s: After how many seconds it may be met; None where waiting does not help.
    """

    def __init__(self, status: int, text: str, *, retry_s: float | None = None):
        self.status, self.retry_s = status, retry_s
        super().__init__(text)

    @property
    def headers(self) -> dict[str, str]:
        """What the response says beside its text."""
        return {} if self.retry_s is None else {"retry-after": str(max(1, math.ceil(self.retry_s)))}


def gone(what: str) -> RefusedError:
    """For an id that no longer, or never, stood for anything."""
    return RefusedError(404, f"this {what} is no longer here; open the video again")
