"""Shortcuts that depend on values are not taken in a recorded graph, and the numbers are the same."""

import pytest
import torch
from torch import Tensor, nn

from egoshift.blocks.attention import AttentionBlock, positioned
from egoshift.blocks.cosine import adapted_logits
from egoshift.blocks.graphs import values_are_known

KNOWN: list[bool] = []
"""What was said in each pass of a module; torch.export undoes what a module does to itself."""


class Recorded(nn.Module):
    """A function of two tensors as a module, with what it needs to know when it is recorded."""

    def __init__(self, kind: str):
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.block = kind, AttentionBlock(16, 2, 8).eval()
        self.position = torch.randn(5, 16)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        KNOWN.append(values_are_known())
        if self.kind == "positioned":
            return positioned(first, self.position) + second.mean()
        if self.kind == "attention":
            attended: Tensor = self.block(first)
            return attended + second.mean()
        return adapted_logits(second, first[:, 0], nn.functional.normalize(first[:, 1], dim=-1), 100.0)


@pytest.mark.parametrize("kind", ["positioned", "attention", "cosine"])
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_a_recorded_graph_is_for_any_number_of_clips_and_frames(kind: str) -> None:
    module = Recorded(kind).eval()
    KNOWN.clear()
    sizes = torch.export.Dim("batch"), torch.export.Dim("frames"), torch.export.Dim("classes")
    fewest = 2 if kind == "cosine" else 1  # of which it reads two
    frames = torch.export.Dim("frames", min=fewest)
    program = torch.export.export(
        module,
        (torch.randn(3, 7, 16), torch.randn(11, 16)),
        dynamic_shapes=({0: sizes[0], 1: frames}, {0: sizes[2]}),
        strict=False,
    )
    assert KNOWN == [False]
    graph = program.module()
    for clips, length, classes in ((2, 2, 4), (2, 5, 3), (4, 9, 2)):
        first, second = torch.randn(clips, length, 16), torch.randn(classes, 16)
        second[0] = -first[0, 0] * 1.001  # text and shift cancel
        torch.testing.assert_close(graph(first, second), module(first, second), rtol=1e-4, atol=1e-4)
    assert KNOWN == [False, True, True, True]
