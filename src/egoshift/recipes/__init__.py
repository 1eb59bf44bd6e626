"""The only room that knows a paper: its runs, tables and reported numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from egoshift.errors import ConfigError
from egoshift.recipes.execute import evaluate, train
from egoshift.recipes.own_videos import own_videos
from egoshift.recipes.run import Run, override, read_run
from egoshift.recipes.stores import fill_store, store_folder
from egoshift.recipes.xmic import CLIP, xmic, xmic_dino, xmic_full, xmic_hand, xmic_paper, zero_shot, zero_shot_hand


@runtime_checkable
class Recipe(Protocol):
    """A named run: data cards in, a Run out."""

    def __call__(self, train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
        """The run on these data cards with this CLIP or SigLIP."""


RECIPES: Mapping[str, Recipe] = {
    "zero_shot": zero_shot,
    "zero_shot_hand": zero_shot_hand,
    "xmic": xmic,
    "xmic_paper": xmic_paper,
    "xmic_full": xmic_full,
    "xmic_hand": xmic_hand,
    "xmic_dino": xmic_dino,
    "own_videos": own_videos,
}


def recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in RECIPES:
        raise ConfigError(f"no recipe or run file {name!r}; `egoshift recipes` lists {', '.join(RECIPES)}")
    return RECIPES[name]


__all__ = [
    "CLIP",
    "RECIPES",
    "Recipe",
    "Run",
    "evaluate",
    "fill_store",
    "override",
    "read_run",
    "recipe",
    "store_folder",
    "train",
]
