"""The only room that knows a paper: its runs, tables and reported numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from egoshift.errors import ConfigError
from egoshift.recipes import baselines, mmg, xmic
from egoshift.recipes.execute import train
from egoshift.recipes.filling import fill_store
from egoshift.recipes.own_videos import own_videos
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import override, read_run
from egoshift.recipes.scoring import evaluate
from egoshift.recipes.stores import store_folder
from egoshift.recipes.subsets import evaluate_both, evaluate_modalities
from egoshift.recipes.xmic import CLIP


@runtime_checkable
class Recipe(Protocol):
    """A named run: data cards in, a Run out."""

    def __call__(self, train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
        """The run on these data cards with this CLIP or SigLIP."""


RECIPES: Mapping[str, Recipe] = {
    make.__name__: make
    for make in (
        xmic.zero_shot,
        xmic.zero_shot_hand,
        xmic.xmic,
        xmic.xmic_paper,
        xmic.xmic_full,
        xmic.xmic_hand,
        xmic.xmic_dino,
        xmic.zero_shot_large,
        xmic.xmic_large,
        xmic.zero_shot_lavila,
        xmic.xmic_lavila,
        xmic.zero_shot_siglip,
        xmic.xmic_siglip,
        baselines.coop,
        baselines.coop_official,
        baselines.cocoop,
        baselines.cocoop_official,
        baselines.clip_adapter,
        baselines.clip_adapter_temporal,
        baselines.clip_adapter_official,
        baselines.a5,
        baselines.vita_clip,
        baselines.tip_adapter,
        baselines.tip_adapter_f,
        baselines.clip_lora,
        baselines.linear_probe,
        own_videos,
        mmg.mmg_video,
        mmg.mmg_audio,
        mmg.mmg_imu,
        mmg.mmg_many_shot,
        mmg.mmg_few_shot,
        mmg.mmg_align,
        mmg.mmg_zero_shot,
        mmg.xmic_sensors,
    )
}
"""By the name that the command line calls them."""


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
    "evaluate_both",
    "evaluate_modalities",
    "fill_store",
    "override",
    "read_run",
    "recipe",
    "store_folder",
    "train",
]
