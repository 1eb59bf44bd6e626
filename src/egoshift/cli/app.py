"""``egoshift app``: the page in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import answers, errors

EXAMPLES = """Examples:

  egoshift app --model runs/demo/models/xmic-kitchen

  egoshift app --model runs/a --model runs/b --results runs

  egoshift app --model runs/a --samples videos --max-minutes 90"""


def app(
    model: Annotated[
        list[str] | None, typer.Option(metavar="DIR|HUB-ID", help="A trained model; repeat to compare some")
    ] = None,
    results: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Show tables, plots and claims from here; repeat")
    ] = None,
    samples: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Videos to pick from; by default one is generated")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; by default only this machine can reach the page")] = (
        "127.0.0.1"
    ),
    port: Annotated[int | None, typer.Option(help="By default 8600, or any that is free", min=1, max=65535)] = None,
    max_mb: Annotated[float, typer.Option(help="The largest video taken", min=1)] = 500.0,
    max_minutes: Annotated[float, typer.Option(help="The longest video taken", min=0.1)] = 30.0,
) -> None:
    """Open a page: drop a video, type classes, and see what is done when, how surely, and why.

    Works offline. Videos stay in a private folder of this machine and are removed when their page is closed.
    """
    from egoshift.errors import ConfigError

    try:
        from egoshift.app.limits import Limits
        from egoshift.app.serve import is_open, serve
        from egoshift.app.service import Settings
        from egoshift.prediction.package import check_model
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "starlette"):
            raise
        raise ConfigError(f"the page needs {error.name}; install it with `pip install 'egoshift[app]'`") from None
    for given in model or ():
        check_model(given)
    limits = Limits(max_mb=max_mb, max_minutes=max_minutes)
    settings = Settings(models=model or (), samples=samples, results=results or (), limits=limits)

    def ready(address: str) -> None:
        answers.print(address, markup=False)
        errors.print("ctrl-C ends it and removes what was uploaded", style="dim", soft_wrap=True)

    if is_open(host):
        errors.print(f"everyone who can reach {host} can use this page; nobody is asked for a password", style="yellow")
    if not model:
        errors.print("no --model is given: videos can be looked at, not recognised", style="yellow", soft_wrap=True)
    serve(settings, host=host, port=port, ready=ready)
