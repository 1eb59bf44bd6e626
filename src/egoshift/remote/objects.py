"""What lies at an address, by ``fsspec``; whatever goes wrong becomes one line with the address and a remedy."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from egoshift.errors import RemoteError

_PACKAGES = {"s3": "egoshift[s3]", "s3a": "egoshift[s3]", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}
_VERSIONS = ("ETag", "etag", "Content-MD5", "md5Hash", "Last-Modified", "mtime", "LastModified", "updated", "created")
"""Under which names stores tell that an object is another one, the most telling first."""
_PIECE = 1 << 17
_ACCESS = "set the store's own variables (AWS_ACCESS_KEY_ID, AWS_PROFILE, FSSPEC_S3_ANON=true …) or ask for access"


class UnreachableError(RemoteError):
    """The store did not answer."""


@dataclass(frozen=True)
class Object:
    """One object of a store.

    Attributes:
        url: Its address.
        num_bytes: Its size; None where the store does not tell.
        key: Changes when the object does: size, and ETag or time of change.
    """

    url: str
    num_bytes: int | None
    key: str


def filesystem(url: str) -> tuple[Any, str]:
    """The ``fsspec`` file system of an address and the path in it.

    Raises:
        RemoteError: No package reads such addresses.
    """
    from fsspec.core import url_to_fs

    scheme = url.partition("://")[0]
    try:
        fs, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        if scheme in _PACKAGES:
            raise RemoteError(f'{url}: {scheme}:// needs a package; run: pip install "{_PACKAGES[scheme]}"') from None
        reason = str(error).splitlines()[0]
        raise RemoteError(f"{url}: cannot be opened ({reason}); give s3://, gs://, https:// or a path") from None
    return fs, path


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turns what a store's library raises into our errors; a ``FileNotFoundError`` passes if nothing is there.

    Raises:
        UnreachableError: The store did not answer.
        RemoteError: It answered that it may not be done.
    """
    try:
        yield
    except RemoteError:
        raise
    except NotImplementedError:
        raise RemoteError(f"{url}: this kind of store can only be read; give s3://, gs:// or a path") from None
    except Exception as error:
        cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ is not None else error
        status = getattr(cause, "status", None)
        if isinstance(cause, FileNotFoundError) or status in (404, 410):
            raise FileNotFoundError(url) from None
        reason = " ".join(str(cause).split()) or type(cause).__name__
        if "NoSuchBucket" in reason:
            raise RemoteError(f"{url}: there is no such bucket; make it, or correct the address") from None
        if isinstance(cause, PermissionError) or status in (401, 403) or "redentials" in type(cause).__name__:
            raise RemoteError(f"{url}: may not be read or written ({reason}); {_ACCESS}") from None
        raise UnreachableError(f"{url}: cannot be reached ({reason}); check the network and the address") from None


def listing(url: str) -> Mapping[str, Object] | None:
    """The objects at an address, by their path from it: one with the path ``""``, or all in a folder; none if neither.

    Raises:
        RemoteError: It cannot be told.
    """
    fs, path = filesystem(url)
    try:
        with told(url):
            fs.invalidate_cache()
            found = fs.info(path)
            if found["type"] != "directory" and not str(found.get("mimetype", "")).startswith("text/html"):
                return {"": _object(url, found)}
            is_page = found["type"] != "directory"  # how a web server lists a folder
            inside = fs.find(path + "/" * is_page, detail=True)
    except FileNotFoundError:
        return None
    start = fs._strip_protocol(path).rstrip("/") + "/"
    objects = {}
    for name, info in sorted(inside.items()):
        relative = name.removeprefix(start)
        if not relative.endswith("/") and "?" not in relative:
            _check_name(url, relative)
            objects[relative] = _object(f"{url}/{relative}", info if info.get("size") is not None else fs.info(name))
    return objects


def _check_name(url: str, relative: str) -> None:
    """Refuses an object whose copy would lie elsewhere than in the folder's: a store may hold any name."""
    if "\0" in relative or any(part in ("", ".", "..") for part in relative.split("/")):
        raise RemoteError(f"{url}: has an object {relative!r}, which is no path within it; rename or remove it")


def open_pieces(url: str) -> io.BufferedReader | None:
    """Reads an object piece by piece, wherever in it; None of a store that gives objects only from their beginning.

    Raises:
        RemoteError: It cannot be read; also raised while it is read.
    """
    fs, place = filesystem(url)
    try:
        with told(url):
            file = fs.open(place, "rb", block_size=_PIECE)
    except FileNotFoundError:
        raise RemoteError(f"{url}: is not there any more; run the command again") from None
    if file.seekable():
        return io.BufferedReader(_Pieces(url, file), _PIECE)
    file.close()
    return None


class _Pieces(io.RawIOBase):
    """A file of ``fsspec`` whose errors are ours."""

    def __init__(self, url: str, file: Any):
        self._url, self._file = url, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with told(self._url):
            return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()


def _object(url: str, info: Mapping[str, Any]) -> Object:
    name, version = next(((name, info[name]) for name in _VERSIONS if info.get(name)), ("", ""))
    if isinstance(version, datetime):
        version = version.timestamp()  # as some stores list what they tell as a date of a single object
    return Object(url, info.get("size"), f"{info.get('size')} {name} {version}".strip())
