"""Runs of X-MIC (Kukleva et al., CVPR 2024): each is a function from data cards to a Run.

Every recipe trains on ``train`` and is evaluated on it and on ``test``. Times and scores of the papers' data sets are
not stated here: nobody can re-run the released code (its weights and features were deleted, says its README), and ours
have not been measured on them; ``egoshift tables`` prints the paper's own numbers beside whatever is run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoshift.methods import PRESETS
from egoshift.recipes.run import MethodSpec, Run, StreamRef
from egoshift.training import OPTIMISERS, FitSettings

CLIP = "openai/clip-vit-base-patch16"
"""What recipes encode with unless another is named; the backbone of X-MIC's main tables."""

CLIP_LARGE = "openai/clip-vit-large-patch14"
SIGLIP = "google/siglip2-base-patch16-224"
DINO = "facebook/dinov2-large"
LAVILA = "clip_openai_timesformer_large.narrator_rephraser.ep_0003.md5sum_c89337.pth"
"""The file of LaViLa's dual encoder (TSF-L) that X-MIC's configuration names, as LaViLa's authors publish it."""


def zero_shot(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Frozen CLIP on full frames, nothing trained: the paper's "ZS CLIP" rows."""
    return _run("zero_shot", train, test, encoder, {"full": StreamRef(encoder=encoder)}, MethodSpec(name="zero_shot"))


def zero_shot_hand(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """Frozen CLIP on hand crops, nothing trained: what X-MIC's crops alone are worth."""
    streams = {"hand": StreamRef(encoder=encoder, view="hand")}
    method = MethodSpec(name="zero_shot", options={"streams": ["hand"]})
    return _run("zero_shot_hand", train, test, encoder, streams, method)


def xmic(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC with full frames and hand crops (F+H), settings of the released code."""
    return _run("xmic", train, test, encoder, _both_views(encoder), _released())


def xmic_paper(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC (F+H) with the equations and the learning rate as printed; 1e-6 hardly moves a weight in 15 epochs."""
    method = MethodSpec(name="xmic", options=dict(PRESETS["xmic"]["paper"]))
    return _run(
        "xmic_paper",
        train,
        test,
        encoder,
        _both_views(encoder),
        method,
        fit=FitSettings.model_validate(OPTIMISERS["paper"]),
    )


def xmic_full(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC on full frames alone (row F of Table 4); needs no hand detections."""
    streams = {"full": StreamRef(encoder=encoder)}
    return _run(
        "xmic_full", train, test, encoder, streams, _released(classify_streams=("full",), condition_streams=("full",))
    )


def xmic_hand(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP) -> Run:
    """X-MIC on hand crops alone (row H of Table 4)."""
    streams = {"hand": StreamRef(encoder=encoder, view="hand")}
    return _run(
        "xmic_hand", train, test, encoder, streams, _released(classify_streams=("hand",), condition_streams=("hand",))
    )


def xmic_dino(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP, dino: str = DINO) -> Run:
    """X-MIC conditioned by DINOv2 (ViT-L/14) features of both views, classified with CLIP (rows X-MIC+DINO)."""
    streams = {
        "hand": StreamRef(encoder=encoder, view="hand"),
        "dino_full": StreamRef(encoder=dino),
        "dino_hand": StreamRef(encoder=dino, view="hand"),
    }
    method = _released(classify_streams=("hand",), condition_streams=("dino_hand", "dino_full"))
    return _run("xmic_dino", train, test, encoder, streams, method)


def zero_shot_large(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP_LARGE) -> Run:
    """Frozen CLIP ViT-L/14 on full frames (Table 5)."""
    return zero_shot(train, test, encoder=encoder).model_copy(update={"name": "zero_shot_large"})


def xmic_large(train: Path, test: Sequence[Path] = (), *, encoder: str = CLIP_LARGE) -> Run:
    """X-MIC on CLIP ViT-L/14 (Table 5)."""
    return xmic(train, test, encoder=encoder).model_copy(update={"name": "xmic_large"})


def zero_shot_lavila(train: Path, test: Sequence[Path] = (), *, encoder: str = LAVILA) -> Run:
    """Frozen LaViLa on full frames (Table 5)."""
    return zero_shot(train, test, encoder=encoder).model_copy(update={"name": "zero_shot_lavila"})


def xmic_lavila(train: Path, test: Sequence[Path] = (), *, encoder: str = LAVILA) -> Run:
    """X-MIC on LaViLa (Table 5); each frame is a clip of its own, as the released code extracts features."""
    return xmic(train, test, encoder=encoder).model_copy(update={"name": "xmic_lavila"})


def zero_shot_siglip(train: Path, test: Sequence[Path] = (), *, encoder: str = SIGLIP) -> Run:
    """Frozen SigLIP 2 (base, 224 pixels) on full frames; not in the paper."""
    return zero_shot(train, test, encoder=encoder).model_copy(update={"name": "zero_shot_siglip"})


def xmic_siglip(train: Path, test: Sequence[Path] = (), *, encoder: str = SIGLIP) -> Run:
    """X-MIC on SigLIP 2 (base, 224 pixels), with the settings for CLIP; not in the paper."""
    return xmic(train, test, encoder=encoder).model_copy(update={"name": "xmic_siglip"})


def _released(**changes: Any) -> MethodSpec:
    return MethodSpec(name="xmic", options=dict(PRESETS["xmic"]["released"]) | changes)


def _both_views(encoder: str) -> dict[str, StreamRef]:
    return {"full": StreamRef(encoder=encoder), "hand": StreamRef(encoder=encoder, view="hand")}


def _run(
    name: str,
    train: Path,
    test: Sequence[Path],
    encoder: str,
    streams: dict[str, StreamRef],
    method: MethodSpec,
    **changes: Any,
) -> Run:
    return Run(
        name=name, train=train, test=tuple(test), method=method, streams=streams, text_encoder=encoder, **changes
    )
