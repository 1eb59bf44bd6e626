"""The document, its script, the models and the results."""

from fastapi import APIRouter, BackgroundTasks
from fastapi.responses import HTMLResponse, Response

from egoshift.app.refusals import RefusedError
from egoshift.app.results import POLICY
from egoshift.app.service import Held
from egoshift.errors import EgoshiftError

router = APIRouter()


@router.get("/")
def document(service: Held) -> Response:
    """The page."""
    return HTMLResponse(service.page.html, headers={"content-security-policy": service.page.policy})


@router.get("/app.js")
def script(service: Held, later: BackgroundTasks) -> Response:
    """The script; once it is sent, the first model is loaded, which the person will need next."""
    later.add_task(_warm, service)
    return Response(service.page.script, media_type="text/javascript; charset=utf-8")


@router.get("/api/models/{number}")
def model(service: Held, number: int) -> dict[str, object]:
    """A model's vocabulary and sensors."""
    return service.models.told(number)


@router.get("/results")
def results(service: Held) -> Response:
    """Tables, plots and claims of the results folder."""
    if service.results is None:
        raise RefusedError(404, "no results are shown; start the page with `egoshift app --results DIR`")
    return HTMLResponse(service.results.html(), headers={"content-security-policy": POLICY})


def _warm(service: Held) -> None:
    if len(service.models):
        try:
            service.models.get(0)
        except EgoshiftError:
            pass  # said when the model is asked for
