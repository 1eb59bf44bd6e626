"""The server: its routes, what it says when something is wrong, and how it begins and ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from egoshift.app.guard import HEADERS, NOTHING_ELSE, Guard
from egoshift.app.models import Recogniser
from egoshift.app.pace import Pace
from egoshift.app.refusals import RefusedError
from egoshift.app.routes import pages, runs, videos
from egoshift.app.runs import said_of_ours
from egoshift.app.service import Service, Settings
from egoshift.errors import EgoshiftError
from egoshift.isolation import Walls, isolated

SWEEP_S = 20.0
"""So often old recordings are looked for."""


def open_predictor(name_or_path: str) -> Recogniser:
    """Load a trained model.

    Raises:
        CheckpointError: There is none.
    """
    from egoshift.prediction.predictor import Predictor

    return Predictor.from_pretrained(name_or_path)


def create_app(settings: Settings, open_model: Callable[[str], Recogniser] = open_predictor) -> FastAPI:
    """The page's server as an ASGI application; what users give is removed when it shuts down.

    Args:
        settings: What it is started with.
        open_model: Loads a model.

    Raises:
        ConfigError: A folder cannot be used.
    """
    service = Service(settings, open_model)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        walls = Walls(settings.limits.decoding_mb, settings.limits.decoding_silent_s)
        with isolated(walls) if settings.isolate else nullcontext():
            sweeping = asyncio.create_task(_sweep(service))
            try:
                yield
            finally:
                sweeping.cancel()
                with suppress(asyncio.CancelledError):
                    await sweeping
                await asyncio.to_thread(service.close)

    app = FastAPI(
        title="egoshift", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.state.service = service
    for router in (pages.router, videos.router, runs.router):
        app.include_router(router)
    app.add_exception_handler(EgoshiftError, _say)
    app.add_exception_handler(RequestValidationError, _say_invalid)
    app.add_exception_handler(HTTPException, _say_status)
    app.add_exception_handler(ClientDisconnect, _say_nothing)
    app.add_exception_handler(Exception, _say_ours)
    app.add_middleware(Pace, limits=settings.limits)
    app.add_middleware(Guard, hosts=settings.hosts)
    return app


async def _sweep(service: Service) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        await asyncio.to_thread(service.recordings.remove_old)


def _say(_: Request, error: Exception) -> Response:
    if isinstance(error, RefusedError):
        return JSONResponse({"error": str(error)}, error.status, error.headers)
    return JSONResponse({"error": str(error)}, 422)


def _say_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"error": f"{place or 'the request'}: {first['msg']}"}, 422)


def _say_ours(_: Request, error: Exception) -> Response:
    # What goes wrong is answered outside of the guard, which adds these to every other answer.
    headers = {**HEADERS, "content-security-policy": NOTHING_ELSE}
    return JSONResponse({"error": said_of_ours(error)}, 500, headers)


def _say_nothing(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # who closed the page while sending hears nothing any more


def _say_status(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code)
