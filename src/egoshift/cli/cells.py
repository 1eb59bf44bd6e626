"""Words and times as they fit into a terminal's cells, of which a letter may take none, one or two."""

import unicodedata

from rich.cells import cell_len, set_cell_size

JOINERS = "\u200c\u200d"
"""Invisible characters that make one sign of several; all other control characters could steer the terminal."""

LEFT_TO_RIGHT = "\u200e"


def clock(time_s: float, decimals: int = 0) -> str:
    """A time as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    units = round(time_s * 10**decimals)
    seconds, rest = divmod(units, 10**decimals)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:0{decimals}d}" if decimals else ""
    return (f"{hours}:{minutes:02d}" if hours else f"{minutes}") + f":{seconds:02d}{fraction}"


def plain(name: str) -> str:
    """A class's name on one line, with nothing in it that steers a terminal."""
    return " ".join("".join(map(_harmless, name)).split())


def shown(name: str, width: int) -> str:
    """A class's name as ``plain`` gives it, in at most so many cells, and kept apart from what follows it."""
    text = plain(name)
    if cell_len(text) > width:
        text = set_cell_size(text, max(width - 1, 0)).rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in text):
        return f"{LEFT_TO_RIGHT}{text}{LEFT_TO_RIGHT}"  # or numbers after it would be drawn before it
    return text


def _harmless(character: str) -> str:
    return " " if unicodedata.category(character).startswith("C") and character not in JOINERS else character
