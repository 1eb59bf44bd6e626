"""Runs: asked for, watched, cancelled, taken along."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from egoshift.app.downloads import FORMATS, disposition, download
from egoshift.app.refusals import RefusedError
from egoshift.app.runs import Ask
from egoshift.app.service import Held

if TYPE_CHECKING:
    from egoshift.app.answers import Answer

router = APIRouter(prefix="/api/runs")

MOST_BYTES = 5_000_000
"""The largest question; ten thousand class names are a twentieth of it."""


@router.post("")
async def submit(service: Held, request: Request) -> dict[str, object]:
    """Ask for a timeline: the request's body is an ``Ask``."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > MOST_BYTES:
            raise RefusedError(413, f"a question may have {MOST_BYTES / 1e6:g} MB; ask for fewer classes")
    ask = await asyncio.to_thread(_parsed, bytes(content))
    run = service.runs.submit(ask, service.recordings.get(ask.recording))
    return service.runs.told(run)


@router.get("/{id}")
def watch(service: Held, id: str) -> dict[str, object]:
    """How far a run is."""
    run = service.runs.get(id)
    service.recordings.get(run.recording.id)
    return service.runs.told(run)


@router.delete("/{id}")
def cancel(service: Held, id: str) -> dict[str, object]:
    """Stop a run; what it has found is kept."""
    run = service.runs.get(id)
    service.runs.cancel(run)
    return service.runs.told(run)


@router.get("/{id}/answer")
def answer(service: Held, id: str) -> Response:
    """The timeline and what the page draws beside it."""
    return JSONResponse(service.runs.answer(id)[1].told)


@router.get("/{id}/crops")
async def crops(service: Held, id: str, start: float, stop: float) -> Response:
    """The hand crops that were looked at in a stretch, side by side."""
    run, found = service.runs.answer(id)
    with run.recording.speaking():
        strip = await service.look(_crops, run.recording.path, found, start, stop)
    return Response(strip, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})


@router.get("/{id}/timeline.{format}")
def take(service: Held, id: str, format: str) -> Response:
    """The timeline as a file."""
    run, found = service.runs.answer(id)
    if format not in FORMATS:
        raise RefusedError(404, f"there is no {format}; choose one of {', '.join(FORMATS)}")
    content = download(found.timeline, format)
    headers = {"content-disposition": disposition(run.recording.name, format)}
    return Response(content, media_type=FORMATS[format], headers=headers)


def _parsed(content: bytes) -> Ask:
    try:
        return Ask.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RefusedError(422, f"{place or 'the question'}: {first['msg']}") from None


def _crops(path: Path, found: "Answer", start_s: float, stop_s: float) -> bytes:
    from egoshift.app.pictures import crop_times, crops_jpeg

    chosen = crop_times(found.hand_times_s, start_s, stop_s)
    if not chosen:
        raise RefusedError(404, "this model looked at no hand crops")
    return crops_jpeg(path, found.hand_times_s[chosen], found.hand_boxes[chosen])
