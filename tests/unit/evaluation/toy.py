"""A classifier, classes and clips small enough to be checked by hand."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.features import TensorFeatures
from egoshift.records import Label

CLASSES = 5
DIM = 6


class Toy(AbstractClassifier):
    """One linear layer between the mean frame and the class vectors, with dropout.

    Args:
        dim: Of features and text.
        dropout: Share of the features left out in training.
    """

    def __init__(self, *, dim: int = DIM, dropout: float = 0.0):
        super().__init__()
        self.dim = dim
        self.dropout = nn.Dropout(dropout)
        self.layer = nn.Linear(dim, dim)
        self.settings = {"dim": dim, "dropout": dropout}
        self.required_streams = ("full",)

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        video = self.layer(self.dropout(batch.streams["full"].mean(1)))
        return {label: (video @ classes.vectors.T).float() for label, classes in text.items()}


def toy(dropout: float = 0.0) -> Toy:
    """The classifier with the same weights every time."""
    classifier = Toy(dropout=dropout)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    return classifier


def toy_text(*labels: Label) -> dict[Label, ClassText]:
    """The same class vectors for each label."""
    generator = torch.Generator().manual_seed(2)
    vectors = torch.randn(CLASSES, DIM, generator=generator)
    return {label: ClassText(vectors, tuple(f"{label} {i}" for i in range(CLASSES))) for label in labels or ("noun",)}


def toy_clips(num_clips: int = 40, num_frames: int = 6, seed: int = 3) -> TensorFeatures:
    """Clips of five videos whose features lie near their class's vector; every fifth has no verb."""
    generator = torch.Generator().manual_seed(seed)
    nouns = torch.randint(CLASSES, (num_clips,), generator=generator)
    verbs = torch.randint(CLASSES, (num_clips,), generator=generator)
    verbs[::5] = -1
    noise = torch.randn(num_clips, num_frames, DIM, generator=generator)
    features = toy_text()["noun"].vectors[nouns][:, None] + noise
    videos = [f"video {clip % 5}" for clip in range(num_clips)]
    return TensorFeatures({"full": features}, {"noun": nouns, "verb": verbs}, videos)
