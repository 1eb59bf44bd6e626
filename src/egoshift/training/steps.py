"""One step of training: forward, loss, backward, update."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.evaluation.predict import batch_to
from egoshift.features import AbstractFeatureSource
from egoshift.losses import label_cross_entropy
from egoshift.records import Label
from egoshift.training.checkpoint import trained_parameters
from egoshift.training.order import seed_of, shard_of
from egoshift.training.settings import FitSettings


class _Inputs:
    """A batch and its text in one object, which Fabric hands on untouched.

    Fabric would convert tensors it sees to the low precision, and text and features shall stay in float32: the
    classifier itself says what may be rounded.
    """

    def __init__(self, batch: StreamBatch, text: Mapping[Label, ClassText]):
        self.batch = batch
        self.text = text


class _Forward(nn.Module):
    """The classifier as a module of one argument."""

    def __init__(self, classifier: AbstractClassifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, inputs: _Inputs) -> dict[Label, Tensor]:
        logits: dict[Label, Tensor] = self.classifier(inputs.batch, inputs.text)
        return logits


class Stepper:
    """Takes steps of one training, each a function of the weights, the seed and its place alone.

    Args:
        fabric: Devices and precision.
        classifier: What to fit; moved to the device.
        source: Features and labels.
        text: The classes, on the device.
        settings: How.
    """

    def __init__(
        self,
        fabric: Any,
        classifier: AbstractClassifier,
        source: AbstractFeatureSource,
        text: Mapping[Label, ClassText],
        settings: FitSettings,
    ):
        self._fabric, self._source, self._text, self._settings = fabric, source, text, settings
        self._targets = {label: source.targets[label].cpu() for label in text}
        self.optimizer = _optimizer(list(trained_parameters(classifier).values()), settings)
        self._module, self._wrapped = fabric.setup(_Forward(classifier), self.optimizer)

    def set_lr(self, lr: float) -> None:
        """Sets the learning rate of the steps to come."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def step(self, batch: Int[Tensor, " batch"], epoch: int, step: int) -> Tensor:
        """Takes one step and gives its loss, on the device.

        Args:
            batch: The clips of the step, of all processes together.
            epoch: With ``step``, the place that frames and dropout are drawn for.
            step: Within the epoch.
        """
        fabric, settings = self._fabric, self._settings
        place = (settings.seed, epoch, step, fabric.global_rank)
        generator = torch.Generator().manual_seed(seed_of(*place, 0))
        torch.manual_seed(seed_of(*place, 1))  # for dropout
        shard = shard_of(batch, fabric.global_rank, fabric.world_size)
        features = self._source.batch(shard, num_frames=settings.num_frames, generator=generator)
        features = batch_to(features, fabric.device)
        loss = self._loss(self._module(_Inputs(features, self._text)), features.targets, batch)
        fabric.backward(loss)
        if settings.clip_norm is not None:
            fabric.clip_gradients(self._module, self._wrapped, max_norm=settings.clip_norm, error_if_nonfinite=False)
        self._wrapped.step()
        self._wrapped.zero_grad()
        return loss.detach()

    def _loss(
        self, logits: dict[Label, Tensor], targets: Mapping[Label, Tensor], batch: Int[Tensor, " batch"]
    ) -> Tensor:
        """The batch's loss; with several processes this one's share, so that their mean is the batch's."""
        rank, world_size = self._fabric.global_rank, self._fabric.world_size
        if world_size == 1:
            return label_cross_entropy(logits, targets)
        loss = torch.zeros((), device=self._fabric.device)
        for label in logits:
            labelled = self._targets[label][batch] >= 0
            share = int(labelled[rank::world_size].sum()) * world_size / max(1, int(labelled.sum()))
            loss = loss + share * label_cross_entropy({label: logits[label]}, targets)
        return loss


def _optimizer(parameters: list[Tensor], settings: FitSettings) -> torch.optim.Optimizer:
    # The fused step unscales fp16 gradients by itself, so that nothing could be clipped before it.
    fused = not (settings.precision == "16-mixed" and settings.clip_norm is not None)
    rate, decay = settings.lr, settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=settings.momentum, weight_decay=decay, fused=fused)
    return torch.optim.AdamW(parameters, rate, betas=settings.betas, weight_decay=decay, fused=fused)
