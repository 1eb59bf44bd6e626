"""How a classifier is fitted: every value that changes what comes out."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
"""``auto`` is ``bf16-mixed`` where the processor multiplies bf16 natively, else ``32-true``."""

FIRST_EPOCH_LR = 1e-7
"""The released code's learning rate in epoch 0 of a warm-up."""

Unit = Annotated[float, Field(ge=0, lt=1)]


class FitSettings(BaseModel):
    """The optimiser, its schedule and how the weights are selected. The defaults are X-MIC's released settings.

    Attributes:
        epochs: Passes over the training clips.
        batch_size: Clips per step, over all devices together.
        num_frames: Frames per clip: one random frame per bin in training, bin centres in validation.
        optimiser: ``adamw``, or ``sgd`` as CoOp's official code trains.
        lr: The learning rate after the warm-up.
        betas: AdamW's decay rates.
        momentum: SGD's.
        weight_decay: On every trained parameter.
        warmup_epochs: Length of the warm-up of the schedules ``released`` and ``cosine``.
        schedule: ``released``: 1e-7 in epoch 0, ``lr * k / warmup_epochs`` in epoch k, then constant; ``cosine``: the
            same warm-up, then half a cosine to zero; ``constant``: no warm-up.
        clip_norm: Largest norm of the gradient; None leaves it.
        seed: Of the order of the clips, the frames drawn and dropout.
        selection: ``best`` keeps the epoch with the highest validation score, ``last`` the last epoch; ``oracle`` is
            ``best`` where the validation clips are the target's, and labelled so.
        precision: The arithmetic of the forward pass.
        eval_batch_size: Clips per step of the validation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(default=15, ge=1)
    batch_size: int = Field(default=128, ge=1)
    num_frames: int = Field(default=16, ge=1)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    lr: float = Field(default=5e-4, gt=0, allow_inf_nan=False)
    betas: tuple[Unit, Unit] = (0.9, 0.98)
    momentum: Unit = 0.9
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    warmup_epochs: int = Field(default=5, ge=0)
    schedule: Literal["released", "cosine", "constant"] = "released"
    clip_norm: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    selection: Literal["best", "last", "oracle"] = "best"
    precision: Precision = "auto"
    eval_batch_size: int = Field(default=256, ge=1)


OPTIMISERS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "released": MappingProxyType({"lr": 5e-4, "betas": (0.9, 0.98), "schedule": "released", "warmup_epochs": 5}),
        "paper": MappingProxyType({"lr": 1e-6, "betas": (0.9, 0.999), "schedule": "constant", "warmup_epochs": 0}),
        "coop": MappingProxyType(
            {
                "optimiser": "sgd",
                "lr": 2e-3,
                "weight_decay": 5e-4,
                "schedule": "cosine",
                "warmup_epochs": 1,
                "batch_size": 32,
                "epochs": 50,
            }
        ),
    }
)
"""Named settings: X-MIC's ``released`` and ``paper``, in the fields where its code and its paper (section 4.2)
disagree; and ``coop``, with which CoOp, CoCoOp (batch 1, 10 epochs) and CLIP-Adapter were published. Its first epoch
has a rate of 1e-5 there and of 1e-7 here."""


def learning_rate(settings: FitSettings, epoch: int) -> float:
    """The learning rate of one epoch, counted from 0.

    >>> [learning_rate(FitSettings(), epoch) for epoch in (0, 1, 5, 14)]
    [1e-07, 0.0001, 0.0005, 0.0005]
    """
    if settings.schedule == "constant":
        return settings.lr
    if epoch < settings.warmup_epochs:
        return settings.lr * epoch / settings.warmup_epochs if epoch else FIRST_EPOCH_LR
    if settings.schedule == "released":
        return settings.lr
    done = (epoch - settings.warmup_epochs) / max(1, settings.epochs - settings.warmup_epochs)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * done))
