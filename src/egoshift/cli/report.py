"""``egoshift report``: results in, one page out that holds all there is to show."""

from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import errors, progress

EXAMPLES = """Examples:

  egoshift report runs/demo -o report.html

  egoshift report runs/xmic runs/zero_shot --examples 12 -o xmic.html

  egoshift report runs/xmic --tensorboard runs/tensorboard"""


def report(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Result files, or folders of them")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The page")] = Path("report.html"),
    examples: Annotated[
        int, typer.Option(help="Clips to look at, for each pair of data sets and kind of label; 0 for none", min=0)
    ] = 6,
    seed: Annotated[int, typer.Option(help="By which clips are drawn", min=0)] = 0,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write curves and scores as TensorBoard's event files")
    ] = None,
) -> None:
    """Write one HTML page: tables with intervals, plots, clips right and wrong, the commands that make it all again.

    It needs no network. Clips need the trained models and the videos: where they are not there, the page says so.
    """
    from egoshift.errors import ConfigError
    from egoshift.files import write_atomically
    from egoshift.recipes import reports
    from egoshift.recipes.tensorboard import write_results

    if output.is_dir():
        raise ConfigError(f"{output}: is a folder; give the page a name, such as {output / 'report.html'}")
    one, several = reports.find_results(results)
    with progress("reporting") as bar:
        text = reports.page(one, several, name=output.name, examples=examples, seed=seed, progress=bar)
    if tensorboard is not None:
        folders = write_results(reports.trained(one, several), tensorboard)
    try:
        write_atomically(output, text.encode())
    except OSError as error:
        raise ConfigError(f"{output}: cannot be written ({error.strerror}); give -o another place") from None
    errors.print(f"wrote {output} ({len(text.encode()) / 1e6:.1f} MB)", markup=False, soft_wrap=True)
    if tensorboard is not None:
        said = f"wrote the curves of {len(folders)} models; look: tensorboard --logdir {tensorboard}"
        errors.print(said, markup=False, soft_wrap=True)
