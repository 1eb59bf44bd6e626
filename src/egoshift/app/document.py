"""The page itself: one document with its style in it, and one script, put together from the parts in ``page/``."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

SCRIPT_PARTS = (
    "elements.js",
    "server.js",
    "times.js",
    "colours.js",
    "lanes.js",
    "drawing.js",
    "timeline.js",
    "moment.js",
    "changes.js",
    "classes.js",
    "setup.js",
    "segments.js",
    "run.js",
    "results.js",
    "welcome.js",
    "main.js",
)
"""The parts of the script, which share one scope, in order."""


@dataclass(frozen=True)
class Page:
    """What the browser is given.

    Attributes:
        html: The document.
        script: The script it asks for.
        policy: Its content policy: the script and everything else from this server only, the style as it stands.
    """

    html: bytes
    script: bytes
    policy: str


def make_page(start: Mapping[str, object]) -> Page:
    """Put the page together.

    Args:
        start: What the script finds in the document, such as the names of the models.
    """
    folder = files("egoshift.app") / "page"
    style = (folder / "style.css").read_text("utf-8")
    # In a script element only "</" and "<!--" could end or change how the text is read.
    facts = json.dumps(start, ensure_ascii=False).replace("<", "\\u003c")
    html = (folder / "index.html").read_text("utf-8").replace("/* style */", style).replace("/* start */", facts)
    script = "\n".join((folder / part).read_text("utf-8") for part in SCRIPT_PARTS)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html.encode(), script.encode(), policy)
