"""Everything that one server holds, and how the routes get at it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from egoshift.app.document import Page, make_page
from egoshift.app.downloads import FORMATS
from egoshift.app.folder import make_private_folder, remove_folder
from egoshift.app.limits import Limits
from egoshift.app.models import Models, Recogniser
from egoshift.app.recordings import VIDEO_SUFFIXES, Recordings
from egoshift.app.results import ResultsPage
from egoshift.app.runs import Runs
from egoshift.app.samples import Samples

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    Attributes:
        models: Folders and hub ids.
        samples: A folder of sample videos; none for a generated one.
        results: Folders of results to show.
        limits: How much it takes.
        hosts: Further names it goes by, beside addresses and ``localhost``.
        isolate: Whether videos are decoded in processes of their own, so that none can end the server.
    """

    models: Sequence[str] = ()
    samples: Path | None = None
    results: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    hosts: frozenset[str] = frozenset()
    isolate: bool = True


class Service:
    """The parts of a server; ``close`` it, for then what users gave is removed.

    Args:
        settings: What it is started with.
        open_model: Loads a model.

    Raises:
        ConfigError: A folder cannot be used.
    """

    def __init__(self, settings: Settings, open_model: Callable[[str], Recogniser]):
        self.limits = settings.limits
        self.results = ResultsPage(settings.results) if settings.results else None
        self.folder = make_private_folder()
        try:
            self.samples = Samples(self.folder, settings.samples)
        except BaseException:
            remove_folder(self.folder)
            raise
        self.models = Models(settings.models, open_model)
        self.runs = Runs(self.models, self.limits)
        self.recordings = Recordings(self.folder, self.limits, self.runs.leave)
        self.page: Page = make_page(self._start())
        # Threads of their own: what is slow, and who waits for it, holds none of those that all other requests share.
        self._looking = ThreadPoolExecutor(self.limits.most_looking, "looking")
        self._checking = ThreadPoolExecutor(self.limits.most_checking, "checking")

    async def look(self, work: Callable[..., T], *arguments: object) -> T:
        """What comes of making a frame, crops or traces of a recording, when its turn comes."""
        return await asyncio.get_running_loop().run_in_executor(self._looking, work, *arguments)

    async def check(self, work: Callable[..., T], *arguments: object) -> T:
        """What comes of looking through a table that was sent, when its turn comes."""
        return await asyncio.get_running_loop().run_in_executor(self._checking, work, *arguments)

    def close(self) -> None:
        """Stop what runs and remove what was given."""
        for threads in (self._looking, self._checking):
            threads.shutdown(wait=False, cancel_futures=True)
        self.runs.close()
        remove_folder(self.folder)

    def _start(self) -> dict[str, object]:
        return {
            "models": self.models.names,
            "samples": self.samples.names,
            "results": self.results is not None,
            "max_mb": self.limits.max_mb,
            "max_minutes": self.limits.max_minutes,
            "formats": list(FORMATS),
            "suffixes": list(VIDEO_SUFFIXES),
        }


def _service_of(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


Held = Annotated[Service, Depends(_service_of)]
"""The server's service, as a parameter of a route."""
