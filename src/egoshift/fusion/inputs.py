"""From a batch's streams to tokens of one width a modality, and who has which."""

from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.graphs import values_are_known
from egoshift.blocks.streams import read_stream
from egoshift.classifier import StreamBatch
from egoshift.encoders import SignalEncoder
from egoshift.errors import ConfigError
from egoshift.fusion.modules import Present

INPUT_NORMS = ("layer", "unit", "none")


class ModalityInputs(nn.Module):
    """Reads, normalises and projects the streams of a batch, each by layers of its own.

    Args:
        dims: The modalities, in their order, and the width of each.
        width: What they are projected to.
        norm: One of ``INPUT_NORMS``, of each frame.
        whole: Whether every frame is a token; else their mean is.
        encoders: Those of the modalities whose streams are windows of a sensor's own signal; each makes one token.
    """

    def __init__(
        self,
        dims: Mapping[str, int],
        width: int,
        *,
        norm: str,
        whole: bool,
        encoders: Mapping[str, SignalEncoder] | None = None,
    ):
        super().__init__()
        self.dims, self.norm, self.whole = dict(dims), norm, whole
        given = dict(encoders or {})
        self.encoders = nn.ModuleDict(given)
        widths = [given[name].dim if name in given else dim for name, dim in dims.items()]
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for dim in widths if norm == "layer")
        self.projections = nn.ModuleList(nn.Linear(dim, width) for dim in widths)

    def forward(self, batch: StreamBatch, subset: Collection[str]) -> list[Tensor | None]:
        """Per modality its tokens ``(batch, time, width)``; None for those beyond the subset or absent from the batch.

        Raises:
            ConfigError: If a stream is of another width.
        """
        sequences: list[Tensor | None] = []
        for number, (name, dim) in enumerate(self.dims.items()):
            if name not in subset or name not in batch.streams:
                sequences.append(None)
                continue
            frames = read_stream(batch, name, dim)
            if name in self.encoders:
                frames = self.encoders[name](frames).unsqueeze(1)
            if self.norm == "layer":
                frames = self.norms[number](frames)
            elif self.norm == "unit":
                frames = functional.normalize(frames, dim=-1)
            # Before the projection, where the mean is as good as after it and costs less.
            sequences.append(self.projections[number](frames if self.whole else frames.mean(1, keepdim=True)))
        return sequences

    def presence(self, batch: StreamBatch, subset: Sequence[str]) -> Present:
        """Which sample has which modality of a subset; those beyond it nobody has.

        Raises:
            ConfigError: If a name of the subset is no modality, or the batch has no stream of any modality.
        """
        unknown = [name for name in subset if name not in self.dims]
        if unknown:
            raise ConfigError(f"{unknown[0]!r} is no modality of this model; it has {', '.join(self.dims)}")
        stream = next((batch.streams[name] for name in self.dims if name in batch.streams), None)
        if stream is None:
            raise ConfigError(
                f"the batch has none of the streams {', '.join(self.dims)}, it has {', '.join(batch.streams) or 'none'}"
                "; give features of at least one"
            )
        everyone = torch.ones(stream.shape[0], dtype=torch.bool, device=stream.device)
        columns = [
            batch.present.get(name, everyone) if name in subset and name in batch.streams else ~everyone
            for name in self.dims
        ]
        return torch.stack(columns, 1)


def refuse_empty(present: Present, subset: Sequence[str]) -> None:
    """Refuses samples without any modality.

    Raises:
        ConfigError: Naming how many there are.
    """
    empty = ~present.any(1)
    if values_are_known() and bool(empty.any()):
        raise ConfigError(
            f"{int(empty.sum())} of {len(empty)} samples have none of the modalities {', '.join(subset) or '(none)'}; "
            "leave these samples out or give a modality that they have"
        )
