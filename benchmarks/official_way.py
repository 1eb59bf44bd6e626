"""X-MIC's training the way its released code goes: what ``benchmarks.full_scale`` is held against.

One ``.npy`` file per clip and view, opened and sampled by the workers of a ``DataLoader``; blocks of
``nn.MultiheadAttention``; logits by moving every class by every video's vector, a tensor of batch x classes x dim that
autograd keeps several times; float32, as that code runs without a GPU; AdamW with its learning rate and betas. Written
anew from its description (``egoshift.methods.xmic`` names the lines); the tests hold its logits against ours.
"""

import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from egoshift.blocks.cosine import adapted_logits_direct
from egoshift.classifier import StreamBatch
from egoshift.recipes.plan_rates import BATCH, FRAMES, WARM_UP_STEPS

VIEWS = ("hand", "full")
Clip = tuple[Float[Tensor, "frames dim"], Float[Tensor, "frames dim"], int]


class ClipFiles(Dataset[Clip]):
    """Clips as files ``NUMBER_VIEW.npy`` of ``(frames, dim)``: one random frame per bin.

    Args:
        folder: Where they lie.
        targets: The class of each clip.
        num_frames: Bins per clip.
    """

    def __init__(self, folder: Path, targets: Int[Tensor, " clips"], num_frames: int):
        self._folder, self._targets, self._num_frames = folder, targets, num_frames

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> Clip:
        views = [np.load(clip_file(self._folder, index, view)) for view in VIEWS]
        shares = (np.arange(self._num_frames) + np.random.rand(self._num_frames)) / self._num_frames
        frames = (shares * len(views[0])).astype(int)
        hand, full = (torch.from_numpy(view[frames].astype(np.float32)) for view in views)
        return hand, full, int(self._targets[index])


def clip_file(folder: Path, index: int, view: str) -> Path:
    """Where a view of a clip lies."""
    return folder / f"{index:06}_{view}.npy"


class Block(nn.Module):
    """A pre-norm transformer block of torch's own parts.

    Args:
        dim: Width of the tokens.
        num_heads: Attention heads.
        hidden_dim: Width inside the MLP.
    """

    def __init__(self, dim: int, num_heads: int, hidden_dim: int):
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.widen, self.narrow = nn.Linear(dim, hidden_dim), nn.Linear(hidden_dim, dim)

    def forward(self, tokens: Float[Tensor, "n length dim"]) -> Float[Tensor, "n length dim"]:
        """The updated tokens."""
        normed = self.norm_attention(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        hidden = self.widen(self.norm_mlp(tokens))
        updated: Tensor = tokens + self.narrow(hidden * torch.sigmoid(1.702 * hidden))
        return updated


class Blocks(nn.Module):
    """Blocks one after the other, then the mean over the tokens.

    Args:
        count: How many blocks.
        dim: Width of the tokens; the MLPs' is a quarter of it.
    """

    def __init__(self, count: int, dim: int):
        super().__init__()
        self.blocks = nn.Sequential(*(Block(dim, 4, dim // 4) for _ in range(count)))

    def forward(self, tokens: Float[Tensor, "n length dim"]) -> Float[Tensor, "n dim"]:
        """One vector per sequence."""
        averaged: Tensor = self.blocks(tokens).mean(1)
        return averaged


class OfficialWay(nn.Module):
    """X-MIC's preset ``released``, with parameters of the same names as ``XMIC``'s.

    Args:
        dim: Width of all vectors.
        num_frames: Frames per clip.
    """

    def __init__(self, dim: int, num_frames: int):
        super().__init__()
        self.spatial, self.temporal = Blocks(1, dim), Blocks(2, dim)
        self.position = nn.Parameter(torch.randn(num_frames, dim) * 0.01)
        self.head = nn.Sequential(nn.Linear(dim, dim // 16), nn.ReLU(), nn.Linear(dim // 16, dim), nn.ReLU())
        self.log_scale = nn.Parameter(torch.tensor(100.0).log())

    def forward(self, batch: StreamBatch, text: Float[Tensor, "classes dim"]) -> Float[Tensor, "batch classes"]:
        """Logits, with the tensor of batch x classes x dim in between."""
        hand, full = (batch.streams[view] for view in VIEWS)
        pairs = torch.stack([functional.normalize(view, dim=-1) for view in (hand, full)], 2)
        fused = self.spatial(pairs.flatten(0, 1)).view(*hand.shape)
        shift = 2.0 * self.head(self.temporal(fused + self.position))
        video = functional.normalize(hand.mean(1), dim=-1)
        return adapted_logits_direct(text, shift, video, self.log_scale.exp())


def own_mib(process: int) -> float:
    """What a process holds that it shares with no other (Linux only)."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def train(
    folder: Path, targets: Int[Tensor, " clips"], text: Float[Tensor, "classes dim"], workers_mib: list[float]
) -> float:
    """One epoch; clips per second of this process' processor time after the first steps, which start the workers.

    Args:
        folder: Of ``ClipFiles``.
        targets: The class of each clip.
        text: The classes.
        workers_mib: Is given, after each step, what the workers hold of their own.
    """
    torch.manual_seed(0)
    model = OfficialWay(text.shape[1], FRAMES)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-4, betas=(0.9, 0.98), weight_decay=0.01)
    loader = DataLoader(ClipFiles(folder, targets, FRAMES), batch_size=BATCH, shuffle=True, num_workers=2)
    marks = []
    for hand, full, wanted in loader:
        loss = functional.cross_entropy(model(StreamBatch({"hand": hand, "full": full}), text), wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()
        workers_mib.append(sum(own_mib(child.pid) for child in multiprocessing.active_children() if child.pid))
        marks.append(time.process_time())
    steps = len(marks) - WARM_UP_STEPS
    return steps * BATCH / (marks[-1] - marks[WARM_UP_STEPS - 1])
