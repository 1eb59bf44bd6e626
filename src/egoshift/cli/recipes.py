"""``egoshift recipes``: the named runs."""

from typing import Annotated

import typer

from egoshift.cli.console import answers, print_json

EXAMPLES = """Examples:

  egoshift recipes

  egoshift recipes xmic

  egoshift recipes mmg_audio"""


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print every field of this recipe")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """List the named runs, or print one of them as a run file to start from."""
    from pathlib import Path

    import yaml

    from egoshift.recipes import RECIPES, recipe

    if name is None:
        first_lines = {known: (make.__doc__ or "").strip().splitlines()[0] for known, make in RECIPES.items()}
        if json:
            print_json(first_lines)
            return
        width = max(map(len, first_lines))
        for known, line in first_lines.items():
            answers.print(f"{known:<{width}}  {line}", markup=False)
        return
    run = recipe(name)(Path("SOURCE.yaml"), (Path("TARGET.yaml"),))
    fields = run.model_dump(mode="json")
    if json:
        print_json(fields)
    else:
        answers.print(yaml.safe_dump(fields, sort_keys=False), end="", markup=False)
