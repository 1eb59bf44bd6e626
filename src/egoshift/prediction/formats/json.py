"""JSON: the whole timeline, to the last digit; the one format that is read back."""

import json
from pathlib import Path

from pydantic import ValidationError

from egoshift.errors import ResultError
from egoshift.prediction.timeline import Timeline

REMEDY = "write it anew with `egoshift predict --format json`"


def json_text(timeline: Timeline, path: Path) -> str:
    """The timeline as one JSON document.

    Args:
        timeline: What was recognised.
        path: Where the text will lie; it makes no difference.
    """
    # Not pydantic's own writer, which refuses the names of files that are not UTF-8.
    return json.dumps(timeline.model_dump(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read_timeline(path: Path) -> Timeline:
    """The timeline that ``write_timeline`` wrote as JSON.

    Raises:
        ResultError: The file cannot be read, is damaged, or is no timeline.
    """
    try:
        return Timeline.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        # Of undecodable bytes or lines the message may hold line breaks.
        reason = " ".join(f"{place}: {first['msg']}".lstrip(": ").split())
        raise ResultError(f"{path}: is no timeline, or is damaged ({reason}); {REMEDY}") from None
