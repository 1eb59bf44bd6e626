"""One step of training: forward, loss, backward, update."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.evaluation.passes import batch_to
from egoshift.features import AbstractFeatureSource
from egoshift.fusion import Fusion
from egoshift.losses import label_cross_entropy
from egoshift.records import Label
from egoshift.training.checkpoint import trained_parameters
from egoshift.training.objectives import Moments, Objective, alignment_of, prototypes_of
from egoshift.training.order import seed_of, share_of
from egoshift.training.settings import FitSettings


class _Inputs:
    """A batch and its text in one object, which Fabric hands on untouched; and what its losses need besides.

    Fabric would convert tensors it sees to the low precision, and text and features shall stay in float32: the
    classifier itself says what may be rounded.
    """

    def __init__(
        self,
        batch: StreamBatch,
        text: Mapping[Label, ClassText],
        negatives: Tensor | None,
        generator: torch.Generator,
    ):
        self.batch = batch
        self.text = text
        self.negatives = negatives
        self.generator = generator


class _Forward(nn.Module):
    """The classifier as a module of one argument: logits where they are asked for, and the other losses' sum."""

    def __init__(self, classifier: AbstractClassifier, objective: Objective):
        super().__init__()
        self.classifier, self.objective = classifier, objective

    def forward(self, inputs: _Inputs) -> tuple[dict[Label, Tensor], Tensor | None]:
        classifier, objective, losses = self.classifier, self.objective, list[Tensor]()
        logits: dict[Label, Tensor] = classifier(inputs.batch, inputs.text) if objective.cross_entropy else {}
        if isinstance(classifier, Fusion):
            if objective.alignment is not None:
                losses.append(alignment_of(classifier, inputs.batch, objective.alignment, inputs.negatives))
            if objective.prototypes is not None:
                losses.append(prototypes_of(classifier, inputs.batch, objective.prototypes, inputs.generator))
        return logits, torch.stack(losses).sum() if losses else None


class Stepper:
    """Takes steps of one training, each a function of the weights, the seed and its place alone.

    Args:
        fabric: Devices and precision.
        classifier: What to fit; moved to the device.
        source: Features and labels.
        text: The classes, on the device.
        settings: How.
        objective: The losses.
    """

    def __init__(
        self,
        fabric: Any,
        classifier: AbstractClassifier,
        source: AbstractFeatureSource,
        text: Mapping[Label, ClassText],
        settings: FitSettings,
        objective: Objective,
    ):
        self._fabric, self._source, self._text, self._settings = fabric, source, text, settings
        self._objective = objective
        self._moments = Moments(source.groups, source.spans) if objective.alignment is not None else None
        self._targets = {label: source.targets[label].cpu() for label in text}
        self.optimizer = _optimizer(list(trained_parameters(classifier).values()), settings)
        self._module, self._wrapped = fabric.setup(_Forward(classifier, objective), self.optimizer)

    def set_lr(self, lr: float) -> None:
        """Sets the learning rate of the steps to come."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def step(self, batch: Int[Tensor, " batch"], epoch: int, step: int) -> Tensor:
        """Takes one step and gives its loss, on the device.

        Frames are drawn for the batch, whatever number of processes share it; dropout for each process.

        Args:
            batch: The clips of the step, of all processes together.
            epoch: With ``step``, the place that frames and dropout are drawn for.
            step: Within the epoch.
        """
        fabric, settings = self._fabric, self._settings
        place = (settings.seed, epoch, step)
        generator = torch.Generator().manual_seed(seed_of(*place, 0, 0))
        torch.manual_seed(seed_of(*place, fabric.global_rank, 1))  # for dropout
        share = share_of(len(batch), fabric.global_rank, fabric.world_size)
        features = self._source.batch(batch, num_frames=settings.num_frames, generator=generator, share=share)
        features = batch_to(features, fabric.device)
        inputs = _Inputs(features, self._text, self._negatives(batch[share]), generator)
        logits, loss = self._module(inputs)
        if logits:
            labelled = self._objective.cross_entropy * self._loss(logits, features.targets, batch)
            loss = labelled if loss is None else loss + labelled
        fabric.backward(loss)
        if settings.clip_norm is not None:
            fabric.clip_gradients(self._module, self._wrapped, max_norm=settings.clip_norm, error_if_nonfinite=False)
        self._wrapped.step()
        self._wrapped.zero_grad()
        detached: Tensor = loss.detach()
        return detached

    def _negatives(self, shard: Int[Tensor, " shard"]) -> Tensor | None:
        """Which clips of the batch are other temporal locations, for the alignment loss."""
        if self._moments is None or self._objective.alignment is None:
            return None
        return self._moments.others(shard, self._objective.alignment.negatives)

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
