"""The run that a user starts from: one's own videos, full frames only, few labels."""

from collections.abc import Sequence
from pathlib import Path

from egoshift.recipes.run import Run
from egoshift.recipes.xmic import CLIP, xmic_full
from egoshift.training import FitSettings


def own_videos(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC on a folder of one's own videos: full frames, small batches, the last epoch (too few videos to select)."""
    run = xmic_full(train, test, encoder=encoder)
    return run.model_copy(update={"name": "own_videos", "fit": FitSettings(batch_size=16, selection="last")})
