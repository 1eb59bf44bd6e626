"""What the page is told when it asks for something that cannot be had, each with its HTTP status."""

from egoshift.errors import EgoshiftError


class RefusedError(EgoshiftError):
    """A request that cannot be met; the text is shown as it is.

    Attributes:
        status: The HTTP status that says so.
    """

    def __init__(self, status: int, text: str):
        self.status = status
        super().__init__(text)


def gone(what: str) -> RefusedError:
    """For an id that no longer, or never, stood for anything."""
    return RefusedError(404, f"this {what} is no longer here; open the video again")
