"""What a loss makes on the way lies where its tensors lie, whatever torch's default device is."""

import torch

from egoshift.losses import alignment_loss, class_prototypes, label_cross_entropy, other_moments, prototypical_loss
from egoshift.losses.alignment import Alignment


def test_losses_are_the_same_where_new_tensors_would_go_elsewhere() -> None:
    def found() -> tuple[Alignment, list[torch.Tensor]]:
        given = {"video": vectors, "audio": vectors.roll(1, 0), "imu": vectors.flip(0)}
        aligned = alignment_loss(given, pairs="all", symmetric=True, present={"imu": classes > 0}, negatives=moments())
        return aligned, [
            aligned.loss,
            label_cross_entropy({"verb": vectors}, {"verb": classes}),
            class_prototypes(vectors, classes, 2),
            prototypical_loss(vectors, classes, vectors.flip(0), classes, num_classes=2, distance="cosine"),
        ]

    def moments() -> torch.Tensor:
        return other_moments(classes, starts, starts + 1.5, within="other-recordings")

    vectors = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    classes, starts = torch.tensor([0, 1, 0, 1]), torch.arange(4.0)
    here, expected = found()
    with torch.device("meta"):
        there, losses = found()
    assert there.counts.keys() == here.counts.keys()
    for loss, value in zip(losses, expected, strict=True):
        assert torch.equal(loss, value)
