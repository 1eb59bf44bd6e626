"""Addresses and the paths that stand for them: ``s3://bucket/a.csv`` is ``CACHE/files/s3/bucket/a.csv``, and back."""

import os
import re
from pathlib import Path

from egoshift.errors import RemoteError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)
_ROOTED = ("file", "local", "memory")
"""Schemes without a host: all that follows is a path from the root."""


def cache_folder() -> Path:
    """Where copies lie: ``$EGOSHIFT_CACHE``, or ``egoshift/remote`` in the user's cache folder."""
    given = os.environ.get("EGOSHIFT_CACHE")
    folder = given or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "egoshift", "remote")
    return Path(os.path.realpath(os.path.expanduser(folder)))


def is_url(text: str) -> bool:
    """Whether a text is an address rather than a path."""
    return _ADDRESS.fullmatch(text) is not None


def path_of(place: str | Path) -> Path:
    """The path that stands for an address; a path stands for itself.

    Raises:
        RemoteError: It is an address that no path can stand for.
    """
    match = _ADDRESS.fullmatch(place) if isinstance(place, str) else None
    if match is None:
        return Path(place)
    scheme, rest = match.groups()
    names = rest.strip("/").split("/")
    if "::" in rest or "\0" in rest or any(name in ("", ".", "..") for name in names):
        raise RemoteError(f"{place}: is no plain address; give SCHEME://PLACE/NAME without '::', empty names, . and ..")
    return cache_folder().joinpath("files", scheme, *names)


def url_of(path: Path) -> str | None:
    """The address that a path stands for; none of a path outside the cache."""
    root = str(cache_folder() / "files") + os.sep
    text = os.path.abspath(path)
    if not text.startswith(root):
        return None
    scheme, _, rest = text.removeprefix(root).partition(os.sep)
    return f"{scheme}://{'/' * (scheme in _ROOTED)}{rest}" if rest else None


def name_of(path: Path) -> str:
    """What a path is called where others read it: its address, or the path itself."""
    return url_of(path) or str(path)


def shown(text: str) -> str:
    """A text with addresses in place of the paths that stand for them."""
    root = re.escape(str(cache_folder() / "files") + os.sep)
    return re.sub(root + r"([a-z][a-z0-9+.-]+)/", lambda found: f"{found[1]}://{'/' * (found[1] in _ROOTED)}", text)
