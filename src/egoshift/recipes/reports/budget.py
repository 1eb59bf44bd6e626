"""How large a page may grow, and what had to be left out of it."""

from collections import Counter

MOST_BYTES = 8_000_000


class Budget:
    """What is left of the size of a page.

    Args:
        most: Bytes in all.
    """

    def __init__(self, most: int = MOST_BYTES):
        self.most = most
        self._left = most
        self._refused: Counter[str] = Counter()

    def spend(self, part: str) -> str:
        """A part that is on the page in any case."""
        self._left -= len(part.encode())
        return part

    def take(self, part: str, kind: str) -> bool:
        """Whether a part still fits; it is counted under its kind where it does not.

        Args:
            part: HTML.
            kind: What it is, in the plural.
        """
        size = len(part.encode())
        if size > self._left:
            self._refused[kind] += 1
            return False
        self._left -= size
        return True

    @property
    def left_out(self) -> str:
        """What did not fit, as a sentence; empty where all did."""
        if not self._refused:
            return ""
        what = ", ".join(f"{count} {kind}" for kind, count in self._refused.items())
        return f"Left out, to keep the page below {self.most / 1e6:g} MB: {what}."
