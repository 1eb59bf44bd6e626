"""The methods that X-MIC is compared with (its Tables 1 to 3), and some that users would try besides.

Each recipe trains as X-MIC's released code trains X-MIC and its baselines, by the same optimiser and batches (of 32 for
the two that read pictures), so that the methods differ and nothing else; ``*_official`` recipes train as a method's own
authors do. All classify the hand crops, as X-MIC's released settings do; ``--set streams.video.view=full`` gives full
frames, where there are no crops.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoshift.encoders import PIXELS
from egoshift.methods import PRESETS
from egoshift.recipes.run import MethodSpec, Run, StreamRef
from egoshift.recipes.xmic import CLIP
from egoshift.training import OPTIMISERS, FitSettings

ON_PICTURES = FitSettings(num_frames=8, batch_size=32, eval_batch_size=32)
"""Eight frames a clip, as Vita-CLIP has; a batch of 256 clips of eight pictures would take 1.2 GB."""


def coop(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CoOp: sixteen learned context tokens (row CoOp)."""
    return _run("coop", "coop", "xmic", train, test, encoder)


def coop_official(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CoOp as its authors train it: SGD with a cosine, 50 epochs, a full stop after the name."""
    fit = FitSettings.model_validate(OPTIMISERS["coop"])
    return _run("coop_official", "coop", "official", train, test, encoder, fit=fit)


def cocoop(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CoCoOp: context that depends on the video (row Co-CoOp)."""
    return _run("cocoop", "cocoop", "xmic", train, test, encoder)


def cocoop_official(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CoCoOp as its authors train it: one clip at a time, SGD with a cosine, 10 epochs."""
    fit = FitSettings.model_validate({**OPTIMISERS["coop"], "batch_size": 1, "epochs": 10})
    return _run("cocoop_official", "cocoop", "official", train, test, encoder, fit=fit)


def clip_adapter(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CLIP-Adapter as X-MIC's code has it: both sides adapted, four fifths adapted (row CLIP-Adapter)."""
    return _run("clip_adapter", "clip_adapter", "xmic", train, test, encoder)


def clip_adapter_temporal(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """The same with temporal attention before the adapter (row CLIP-Adapter*)."""
    return _run("clip_adapter_temporal", "clip_adapter", "xmic-temporal", train, test, encoder)


def clip_adapter_official(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CLIP-Adapter as its authors have it: the visual side, one fifth adapted; SGD with a cosine."""
    fit = FitSettings.model_validate(OPTIMISERS["coop"])
    return _run("clip_adapter_official", "clip_adapter", "official", train, test, encoder, fit=fit)


def a5(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Efficient-Prompt: tokens before and after the name, a transformer over frames (row A5)."""
    return _run("a5", "efficient_prompt", "official", train, test, encoder)


def vita_clip(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Vita-CLIP: prompts inside every layer of the image tower (row Vita-CLIP); 8 frames, stored as pictures."""
    return _run("vita_clip", "vita_clip", "official", train, test, encoder, pixels=True, fit=ON_PICTURES)


def tip_adapter(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Tip-Adapter: the training clips vote by likeness; nothing is trained."""
    return _run("tip_adapter", "tip_adapter", "paper", train, test, encoder)


def tip_adapter_f(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Tip-Adapter-F: the same with the remembered clips' features trained."""
    return _run("tip_adapter_f", "tip_adapter", "paper-f", train, test, encoder)


def clip_lora(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """CLIP-LoRA: low-rank changes of both towers' attention; 8 frames, stored as pictures."""
    return _run("clip_lora", "clip_lora", "official", train, test, encoder, pixels=True, fit=ON_PICTURES)


def linear_probe(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """A linear classifier that starts from the class text."""
    return _run("linear_probe", "linear_probe", "text", train, test, encoder)


def _run(
    name: str,
    method: str,
    preset: str,
    train: Path,
    test: Sequence[Path],
    encoder: str,
    *,
    pixels: bool = False,
    **changes: Any,
) -> Run:
    seen = PIXELS + encoder if pixels else encoder
    return Run(
        name=name,
        train=train,
        test=tuple(test),
        method=MethodSpec(name=method, options={**PRESETS[method][preset], "streams": ["video"]}),
        streams={"video": StreamRef(encoder=seen, view="hand")},
        text_encoder=encoder,
        **changes,
    )
