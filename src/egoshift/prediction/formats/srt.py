"""SubRip subtitles (.srt): numbered cues, as nearly every player takes them. No standard defines the format."""

from pathlib import Path

from egoshift.prediction.formats.cues import clock, cues
from egoshift.prediction.timeline import Timeline

LOOK_ALIKES = str.maketrans({"<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}", "{": "("})
"""Players take these for the beginning of a tag and hide what follows, and there is no agreed way to escape them."""


def srt_text(timeline: Timeline, path: Path) -> str:
    """The timeline's cues as SubRip.

    Args:
        timeline: What was recognised.
        path: Where the text will lie; it makes no difference.
    """
    return "".join(
        f"{number}\n{clock(cue.start_ms, ',')} --> {clock(cue.stop_ms, ',')}\n{_shown(cue.text)}\n\n"
        for number, cue in enumerate(cues(timeline), 1)
    )


def _shown(text: str) -> str:
    # A line that has an arrow in it would be read as times.
    return text.replace("-->", "\N{RIGHTWARDS ARROW}").translate(LOOK_ALIKES)
