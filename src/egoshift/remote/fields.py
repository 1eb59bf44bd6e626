"""A field of a card or of a run that names a place."""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from egoshift.remote.places import name_of, path_of


def _given(value: object) -> object:
    return path_of(value) if isinstance(value, str) else value


Place = Annotated[Path, BeforeValidator(_given), PlainSerializer(name_of, return_type=str, when_used="json")]
"""A path, or an address, which becomes the path that stands for it; written down as the address again."""
