"""A trained model as a function of tensors alone, which is what a graph is recorded of."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from egoshift.blocks.cosine import cosine_logits
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.methods import CLIPLoRA, CoCoOp, VitaCLIP
from egoshift.prediction.export.signature import PROMPTED, Signature, fixed_vectors, text_input
from egoshift.records import Label


class TensorsIn(nn.Module):
    """A classifier that takes the tensors of its signature in their order and gives logits, a tensor a label.

    Args:
        classifier: The model, in evaluation mode.
        text: The classes it was trained for.
        signature: What it takes.
    """

    def __init__(self, classifier: AbstractClassifier, text: Mapping[Label, ClassText], signature: Signature):
        super().__init__()
        self.classifier, self.signature = classifier, signature
        self.towers = nn.ModuleList(_towers(classifier))
        self.names = {label: words.names for label, words in text.items()}
        for label, vectors in ({} if signature.text_dims else fixed_vectors(classifier, text)).items():
            self.register_buffer(text_input(label), vectors.float())

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Logits ``(batch, classes)`` for each kind of label; NaN for clips without any stream that is needed."""
        given = dict(zip(self.signature.inputs, tensors, strict=True))
        streams = {stream.name: given[stream.name] for stream in self.signature.streams}
        present = {stream.name: given[stream.mask] for stream in self.signature.streams if stream.mask}
        logits = self._logits(StreamBatch(streams, present), given)
        if present:
            there = self._there(present)
            logits = {label: values.masked_fill(~there, torch.nan) for label, values in logits.items()}
        return tuple(logits[label] for label in self.signature.labels)

    def _logits(self, batch: StreamBatch, given: Mapping[str, Tensor]) -> dict[Label, Tensor]:
        labels = self.signature.labels
        if isinstance(self.classifier, PROMPTED):
            method = self.classifier
            video = method.video(batch)
            return {label: cosine_logits(self.get_buffer(text_input(label)), video, method.scale) for label in labels}
        # Names are given where classes are fixed: where they vary, there are none that could go with them.
        text = {
            label: ClassText(given[text_input(label)])
            if self.signature.text_dims
            else ClassText(self.get_buffer(text_input(label)), self.names[label])
            for label in labels
        }
        return self.classifier(batch, text)  # type: ignore[no-any-return]

    def _there(self, present: Mapping[str, Bool[Tensor, " batch"]]) -> Bool[Tensor, "batch 1"]:
        """Which clips have a stream that they need."""
        return torch.stack([present[name] for name in self.signature.needed], 1).any(1, keepdim=True)


def _towers(classifier: AbstractClassifier) -> list[nn.Module]:
    """Frozen towers that a method runs on every clip: no modules of its own, but weights of the graph."""
    if isinstance(classifier, VitaCLIP | CLIPLoRA):
        return [classifier.vision.module]
    return [classifier.tower.module] if isinstance(classifier, CoCoOp) else []
