"""Videos: uploaded or sampled, played, drawn, removed."""

import asyncio
import math
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from egoshift.app.checks import check_inertial
from egoshift.app.clients import client_of
from egoshift.app.recordings import TABLE_SUFFIXES, VIDEO_SUFFIXES, Recording
from egoshift.app.refusals import RefusedError, gone
from egoshift.app.service import Held
from egoshift.app.uploads import receive, safe_suffix, shown_name

router = APIRouter(prefix="/api")

_MEDIA_TYPES = {".webm": "video/webm", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".ogv": "video/ogg"}


@router.post("/videos")
async def upload(service: Held, request: Request, name: str = "") -> dict[str, object]:
    """Take a video: the request's body is the file."""
    shown = shown_name(name)
    folder = await asyncio.to_thread(service.recordings.new_folder, client_of(request.scope))
    path = folder / f"video{safe_suffix(shown, VIDEO_SUFFIXES)}"
    try:
        announced = request.headers.get("content-length")
        await receive(request.stream(), path, shown, announced, max_mb=service.limits.max_mb)
    except BaseException:  # of a person who left in the middle, too
        service.recordings.give_up(folder)
        raise
    recording = await asyncio.to_thread(service.recordings.add, folder, path, shown)
    return recording.told()


@router.post("/samples/{number}")
def sample(service: Held, request: Request, number: int) -> dict[str, object]:
    """Take one of the samples."""
    return service.samples.open(number, service.recordings, client_of(request.scope)).told()


@router.post("/videos/{id}/imu")
async def inertial(service: Held, request: Request, id: str, name: str = "") -> dict[str, object]:
    """Take the table of an IMU for a video: the request's body is the file."""
    recording = service.recordings.get(id)
    shown = shown_name(name)
    if safe_suffix(shown, TABLE_SUFFIXES) == "":
        raise RefusedError(422, f"{shown}: is no table; give the IMU's readings as .csv")
    with service.recordings.new_table(recording, client_of(request.scope)) as path:
        announced, max_mb = request.headers.get("content-length"), service.limits.max_table_mb
        await receive(request.stream(), path, shown, announced, max_mb=max_mb, kind="tables")
        await service.check(check_inertial, path, shown)
    return recording.told()


@router.get("/videos/{id}/file")
def play(service: Held, request: Request, id: str) -> Response:
    """The video, in the range that a player asks for; of several ranges, which no player asks for, none."""
    recording = service.recordings.get(id)
    if "," in request.headers.get("range", ""):
        raise RefusedError(416, "one range at a time")
    if not recording.path.is_file():
        raise gone("video")
    media_type = _MEDIA_TYPES.get(recording.path.suffix.lower(), "video/mp4")
    return FileResponse(recording.path, media_type=media_type, content_disposition_type="inline")


@router.get("/videos/{id}/frame")
async def frame(service: Held, id: str, t: float = 0.0) -> Response:
    """The frame at a time, for browsers that cannot play the video."""
    recording = service.recordings.get(id)
    if not math.isfinite(t):
        raise RefusedError(422, "a time is a number of seconds")
    with recording.speaking():
        picture = await service.look(_frame, recording.path, min(max(t, 0.0), recording.duration_s))
    return Response(picture, media_type="image/jpeg")


@router.get("/videos/{id}/traces")
async def traces(service: Held, id: str) -> dict[str, object]:
    """Sound and inertial measurements, to draw."""
    return await service.look(_traces, service.recordings.get(id))


@router.delete("/videos/{id}")
def remove(service: Held, id: str) -> dict[str, object]:
    """Remove a video and everything that was made of it."""
    service.recordings.remove(id)
    return {}


@router.post("/videos/{id}/leave")
def leave(service: Held, id: str) -> dict[str, object]:
    """The same, as a page can ask for it while it is being closed."""
    return remove(service, id)


# Imported in the threads that use them: loading them would hold up every request.


def _frame(path: Path, time_s: float) -> bytes:
    from egoshift.app.pictures import frame_jpeg

    return frame_jpeg(path, time_s)


def _traces(recording: Recording) -> dict[str, object]:
    from egoshift.app.traces import traces as traces_of

    return traces_of(recording)
