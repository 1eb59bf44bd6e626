"""The run that a user starts from: one's own videos, full frames only, few labels."""

from collections.abc import Sequence
from pathlib import Path

from egoshift.methods import PRESETS
from egoshift.recipes.run import MethodSpec, Run, StreamRef
from egoshift.recipes.xmic import CLIP
from egoshift.training import FitSettings


def own_videos(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC on a folder of one's own videos: full frames, small batches, the last epoch (too few videos to select)."""
    options = dict(PRESETS["xmic"]["released"]) | {"classify_streams": ["full"], "condition_streams": ["full"]}
    return Run(
        name="own_videos",
        train=train,
        test=tuple(test),
        method=MethodSpec(name="xmic", options=options),
        streams={"full": StreamRef(encoder=encoder)},
        text_encoder=encoder,
        fit=FitSettings(batch_size=16, selection="last"),
    )
