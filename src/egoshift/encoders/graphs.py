"""Image towers as graphs: made once for batches of one size, then run by something faster than torch's eager mode.

``compiled`` is torch's inductor with frozen weights, which needs a C++ compiler and takes a minute before the first
batch; ``openvino`` is OpenVINO, which comes with the extra of that name. Both are for CPUs.
"""

import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from egoshift.encoders.card import WeightCard
from egoshift.encoders.image import FEATURES, AbstractImageEncoder, check_images

Run = Callable[[UInt8[Tensor, "size 3 side side"]], Float[Tensor, "size dim"]]
"""A graph that is ready; may be called from several threads at once."""


class ImageGraph(nn.Module):
    """Bytes to features as one module, so that normalising them becomes a part of the graph.

    Args:
        card: How pictures are prepared, and where the tower puts the feature.
        tower: Frozen, on the CPU.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, card: WeightCard, tower: nn.Module):
        super().__init__()
        self.tower = tower
        self.register_buffer("mean", torch.tensor(card.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(card.std).view(3, 1, 1))
        self._dtype, self._output = next(tower.parameters()).dtype, FEATURES[card.family][0]

    def forward(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch dim"]:
        """Un-normalised features in float32."""
        pixels = images.float().div(255).sub(self.mean).div(self.std)
        features: Tensor = getattr(self.tower(pixel_values=pixels.to(self._dtype)), self._output)
        return features.float()


class GraphImageEncoder(AbstractImageEncoder):
    """An image tower that runs as a graph.

    The graph is made at the first call, for batches of that size: shorter ones are filled up, longer ones are cut. So
    one graph is enough for everything. Pickled, it leaves the graph behind and makes it again.

    Args:
        card: What it is.
        tower: The module, frozen and on the CPU.
        load_exact: Loads the same tower in float32 by torch. Is pickled with the encoder.
    """

    def __init__(self, card: WeightCard, tower: nn.Module, load_exact: Callable[[], AbstractImageEncoder]):
        self.card = card
        self._graph = ImageGraph(card, tower).eval()
        self._load_exact = load_exact
        self._making = threading.Lock()
        self._run: Run | None = None
        self._size = 0

    def exact(self) -> AbstractImageEncoder | None:
        """The same tower in float32 by torch, read from its file again."""
        return self._load_exact()

    @torch.no_grad()
    def encode(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch dim"]:
        """Un-normalised features in float32, without gradients, on the CPU."""
        check_images(images, self.card)
        if not len(images):
            return torch.empty(0, self.card.dim)
        pixels = images.cpu()
        run, size = self._ready(pixels)
        padded = torch.cat([pixels, pixels.new_zeros((-len(pixels) % size, *pixels.shape[1:]))])
        return torch.cat([run(part) for part in torch.split(padded, size)])[: len(pixels)]

    @abstractmethod
    def make(self, graph: ImageGraph, example: UInt8[Tensor, "size 3 side side"]) -> Run:
        """Makes the graph ready to be run.

        Args:
            graph: The module.
            example: A batch of the size that all batches will have.
        """

    def _ready(self, images: UInt8[Tensor, "batch 3 size size"]) -> tuple[Run, int]:
        with self._making:  # several threads come at once, and one graph is enough
            if self._run is None:
                self._run, self._size = self.make(self._graph, torch.zeros_like(images)), len(images)
            return self._run, self._size

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_making", "_run", "_size")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _making=threading.Lock(), _run=None, _size=0)
