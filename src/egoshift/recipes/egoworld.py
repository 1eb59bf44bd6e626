"""What every run on the generated world shares: its encoders in place of the papers', and its settings."""

from collections.abc import Mapping
from types import MappingProxyType

from egoshift.encoders import PIXELS
from egoshift.recipes.run import Run
from egoshift.recipes.xmic import CLIP, CLIP_LARGE, DINO, LAVILA
from egoshift.training import FitSettings

ENCODERS: Mapping[str, str] = MappingProxyType(
    {CLIP: "egoworld", DINO: "egoworld-dino", CLIP_LARGE: "egoworld-large", LAVILA: "egoworld-lavila"}
)
"""Per encoder of the papers, the small one that stands for it."""

ENCODER = ENCODERS[CLIP]
EPOCHS = 40

LEARNING_RATES: Mapping[str, float] = MappingProxyType(
    {
        "xmic": 2e-3,
        "coop": 8e-3,
        "cocoop": 8e-3,
        "clip_adapter": 8e-3,
        "clip_adapter_temporal": 2e-3,
        "clip_adapter_official": 3.2e-2,
        "efficient_prompt": 5e-4,
        "tip_adapter": 8e-3,
        "linear_probe": 8e-3,
        "vita_clip": 3.2e-2,
        "clip_lora": 3.2e-2,
    }
)
"""Per run or method: the best of five rates on held-out training videos of world 0 (``recipes/worlds/choose.py``; those
that run the image tower were searched with 10 epochs)."""

ON_PICTURES: Mapping[str, object] = MappingProxyType({"num_frames": 4, "epochs": 20})
"""What methods that run the image tower differ in, which take some thirty times as long as the others."""

OPTIONS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "xmic": {"head": "linear-if-needed", "alpha": 1.0},
        "efficient_prompt": {"prefix": 8, "postfix": 8},
    }
)
"""Per method, options that differ from the recipe's.

X-MIC takes the paper's linear head with a factor of 1, since the released head would have 8 units at the small CLIP's
width of 128. The small CLIP reads 32 tokens, so that Efficient-Prompt's 16 and 16 leave no room for a name.
"""


_RELEASED = {name: getattr(FitSettings(), name) for name in ("optimiser", "weight_decay", "schedule", "warmup_epochs")}


def egoworld_settings(run: Run) -> Run:
    """The run on the generated world's encoders, with settings that all methods share there.

    What differs from the released settings: batches of 32 (128) and ``EPOCHS`` epochs (15), since a world has some
    hundred training clips where the papers have tens of thousands; the optimiser is AdamW for all. Each method's
    learning rate was decided by held-out *source* videos of world 0.
    """
    method = run.method.name
    rate = LEARNING_RATES.get(run.name, LEARNING_RATES.get(method, run.fit.lr))
    changes = {"batch_size": 32, "epochs": EPOCHS, "lr": rate, **_RELEASED}
    if any(stream.encoder.startswith(PIXELS) for stream in run.streams.values()):
        changes |= ON_PICTURES
    options = run.method.options | dict(OPTIONS.get(method, {}))
    changed = {
        "fit": run.fit.model_copy(update=changes),
        "method": run.method.model_copy(update={"options": options}),
    }
    return with_encoders(run.model_copy(update=changed), ENCODERS)


def encoders_of(run: Run) -> set[str]:
    """The names of the encoders that a run reads features or pictures of, or runs itself."""
    return {run.text_encoder, *(stream.encoder.removeprefix(PIXELS) for stream in run.streams.values())}


def with_encoders(run: Run, others: Mapping[str, str]) -> Run:
    """The run with other encoders in place of those named, of images, of stored pictures and of text alike.

    Args:
        run: The run.
        others: Per name of an encoder, what stands in for it; those not named stay.
    """

    def other(encoder: str) -> str:
        pixels = PIXELS if encoder.startswith(PIXELS) else ""
        name = encoder.removeprefix(PIXELS)
        return pixels + others.get(name, name)

    streams = {name: ref.model_copy(update={"encoder": other(ref.encoder)}) for name, ref in run.streams.items()}
    return run.model_copy(update={"streams": streams, "text_encoder": other(run.text_encoder)})
