"""A fusion, clips of three sensors of which some are missing, and what it says of one clip from one subset."""

from typing import Any

import torch
from torch import Tensor

from egoshift.classifier import ClassText, StreamBatch
from egoshift.evaluation import ModalityScores, score_modalities
from egoshift.features import TensorFeatures
from egoshift.fusion import Fusion
from egoshift.losses import Modalities, modality_subsets
from egoshift.records import Label

DIMS = {"video": 6, "audio": 5, "imu": 4}
FRAMES = {"video": 4, "audio": 3, "imu": 2}
ALL = tuple(DIMS)
SUBSETS = modality_subsets(ALL)
CLIPS, CLASSES = 90, 6
IDS = tuple(f"clip {number}" for number in range(CLIPS))


def fusion(seed: int = 0, **options: Any) -> Fusion:
    """An untrained model whose answers differ from subset to subset."""
    torch.manual_seed(seed)
    given = {"modalities": DIMS, "width": 16, "num_layers": 1, "num_heads": 2, "head": "text", "text_dim": 6}
    return Fusion(**{**given, **options})


def texts() -> dict[Label, ClassText]:
    """Six nouns and three verbs."""
    generator = torch.Generator().manual_seed(1)
    return {
        "noun": ClassText(torch.randn(CLASSES, 6, generator=generator), tuple(f"noun {n}" for n in range(CLASSES))),
        "verb": ClassText(torch.randn(3, 6, generator=generator), ("cut", "wash", "put")),
    }


def clips(whole: float = 0.5) -> TensorFeatures:
    """Clips of eight videos; a share of them has all sensors, of the others each has any, or none; NaN where missing.

    Every seventh clip has no noun, every fifth no verb.
    """
    generator = torch.Generator().manual_seed(2)
    nouns = torch.arange(CLIPS) % CLASSES
    verbs = torch.randint(3, (CLIPS,), generator=generator)
    streams, present = {}, {}
    complete = torch.rand(CLIPS, generator=generator) < whole
    for name, dim in sorted(DIMS.items()):
        centres = torch.randn(CLASSES, dim, generator=generator)
        noise = torch.randn(CLIPS, FRAMES[name], dim, generator=generator)
        here = complete | (torch.rand(CLIPS, generator=generator) < 0.5)
        present[name] = here
        streams[name] = (centres[nouns].unsqueeze(1) + noise).masked_fill(~here.view(-1, 1, 1), torch.nan)
    nouns[::7], verbs[::5] = -1, -1
    videos = [f"video {number}" for number in torch.randint(8, (CLIPS,), generator=generator).tolist()]
    return TensorFeatures(streams, {"noun": nouns, "verb": verbs}, videos, present)


def scored(**options: Any) -> ModalityScores:
    """All of it."""
    return score_modalities(fusion(**options), clips(), texts(), batch_size=32)


def slow_clip(
    model: Fusion, source: TensorFeatures, clip: int, subset: Modalities
) -> tuple[Tensor, dict[Label, Tensor]] | None:
    """One clip from a subset: a batch of one, of the streams that it has and no others; None where that is nothing."""
    batch = source.batch(torch.tensor([clip]), num_frames=16)
    own = {name: batch.streams[name] for name in subset if bool(batch.present[name])}
    if not own:
        return None
    with torch.no_grad():
        logits = model.eval()(StreamBatch(own), texts())
        return model.embed(StreamBatch(own))[0], {label: values[0] for label, values in logits.items()}


def slow_hits(scores: ModalityScores, label: Label, subset: Modalities) -> dict[int, bool]:
    """Of the clips that count, whether each was recognised, by loops."""
    hits = {}
    for clip in range(len(scores)):
        target = int(scores.targets[label][clip])
        if target < 0 or not any(bool(scores.present[name][clip]) for name in subset):
            continue
        values = scores.logits[subset][label][clip].tolist()
        hits[clip] = values.index(max(values)) == target
    return hits
