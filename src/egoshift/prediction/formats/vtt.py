"""WebVTT subtitles (.vtt), as browsers take them (https://www.w3.org/TR/webvtt1/)."""

from html import escape
from pathlib import Path

from egoshift.prediction.formats.cues import clock, cues
from egoshift.prediction.timeline import Timeline


def vtt_text(timeline: Timeline, path: Path) -> str:
    """The timeline's cues as WebVTT, with a note where the timeline is partial.

    Args:
        timeline: What was recognised.
        path: Where the text will lie; it makes no difference.
    """
    blocks = ["WEBVTT"]
    if timeline.partial:
        seconds = f"the first {timeline.covered_s:.3f} s of {timeline.duration_s:.3f} s"
        # A note ends at an empty line and must not hold an arrow.
        notices = [" ".join(notice.replace("-->", "to").split()) for notice in timeline.notices]
        blocks.append("\n".join([f"NOTE partial: {seconds} were looked at", *filter(None, notices)]))
    blocks += [
        f"{clock(cue.start_ms, '.')} --> {clock(cue.stop_ms, '.')}\n{escape(cue.text, quote=False)}"
        for cue in cues(timeline)
    ]
    return "\n\n".join(blocks) + "\n"
