"""The losses of a stage against loops over clips, with the embeddings taken one clip and one subset at a time."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from egoshift.classifier import StreamBatch
from egoshift.fusion import Fusion
from egoshift.losses import Modalities, draw_subset_pair
from egoshift.training import AlignmentTerm, PrototypeTerm
from egoshift.training.objectives import Moments, alignment_of, prototypes_of

DIMS = {"audio": 5, "imu": 4, "video": 6}
NAMES = tuple(DIMS)


def fusion(**options: object) -> Fusion:
    torch.manual_seed(0)
    given = {"modalities": DIMS, "width": 16, "num_layers": 1, "num_heads": 2}
    return Fusion(**{**given, **options}).eval()  # type: ignore[arg-type]


def batch_of(size: int, share: float = 0.7, seed: int = 0) -> StreamBatch:
    """Clips of which each sensor is missing at random; video is there wherever nothing else is."""
    generator = torch.Generator().manual_seed(seed)
    streams = {name: torch.randn(size, 3, dim, generator=generator) for name, dim in DIMS.items()}
    present = {name: torch.rand(size, generator=generator) < share for name in DIMS}
    present["video"] |= ~(present["audio"] | present["imu"])
    return StreamBatch(streams, present)


def alone(model: Fusion, batch: StreamBatch, clip: int, subset: Modalities) -> Tensor | None:
    """The embedding of one clip from a subset, in a batch of its own; None where it has nothing of it."""
    here = [name for name in subset if bool(batch.present[name][clip])]
    if not here:
        return None
    return model.embed(StreamBatch({name: batch.streams[name][[clip]] for name in here}), here)[0]


def slow_alignment(
    model: Fusion, batch: StreamBatch, term: AlignmentTerm, recordings: list[str], spans: list[tuple[float, float]]
) -> Tensor:
    """The printed formula, clip by clip and modality by modality."""
    size, others = len(recordings), sorted(set(NAMES) - {term.anchor})
    vectors: dict[tuple[str, int], Tensor] = {}
    for name in NAMES:
        for clip in range(size):
            found = alone(model, batch, clip, (name,))
            if found is not None:
                vector = model.project(found[None])[0]
                vectors[name, clip] = vector / vector.norm() if term.normalise else vector
    pairs = [(term.anchor, name) for name in others] + ([tuple(others)] if term.pairs == "all" else [])
    total = torch.zeros(())
    for first, second in pairs:
        for one, two, share in ((first, second, 1.0), (second, first, 1.0))[: 2 if term.symmetric else 1]:
            terms = []
            for clip in range(size):
                if (one, clip) not in vectors or (two, clip) not in vectors:
                    continue
                scores = []
                for other in range(size):
                    overlap = spans[clip][0] < spans[other][1] and spans[other][0] < spans[clip][1]
                    same = recordings[clip] == recordings[other]
                    allowed = {
                        "all": True,
                        "batch": not (same and overlap),
                        "recording": same and not overlap,
                        "other-recordings": not same,
                    }[term.negatives]
                    if other == clip or (allowed and (two, other) in vectors):
                        scores.append(vectors[one, clip] @ vectors[two, other] / model.temperature)
                own = vectors[one, clip] @ vectors[two, clip] / model.temperature
                terms.append(torch.stack(scores).logsumexp(0) - own)  # -log of a quotient of exps, without overflow
            if terms:
                total = total + share * torch.stack(terms).mean() / (2 if term.symmetric else 1)
    return term.weight * total


SIZE = 12
RECORDINGS = ["x"] * 5 + ["y"] * 5 + ["z"] * 2
SPANS = [(float(clip % 5), clip % 5 + 1.5) for clip in range(SIZE)]
TERMS: list[Mapping[str, object]] = [
    {},
    {"weight": 0.3, "negatives": "recording"},
    {"negatives": "other-recordings", "pairs": "all"},
    {"negatives": "all", "symmetric": True},
    {"anchor": "audio", "pairs": "all", "symmetric": True},
    {"normalise": False},
]


@pytest.mark.parametrize("fields", TERMS, ids=str)
@pytest.mark.parametrize("options", [{}, {"projection_dim": 6, "temperature": 0.5}], ids=["plain", "projected"])
def test_the_alignment_of_a_batch_is_the_printed_formula(
    fields: Mapping[str, object], options: Mapping[str, object]
) -> None:
    term, model, batch = AlignmentTerm.model_validate(fields), fusion(**options), batch_of(SIZE)
    clips = torch.randperm(
        SIZE, generator=torch.Generator().manual_seed(5)
    )  # of a source in another order than the batch
    order = clips.argsort().tolist()
    groups, spans = tuple(RECORDINGS[row] for row in order), torch.tensor([SPANS[row] for row in order])
    negatives = Moments(groups, spans.double()).others(clips, term.negatives)
    found = alignment_of(model, batch, term, negatives)
    expected = slow_alignment(model, batch, term, RECORDINGS, SPANS)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert found.item() > 0


def test_without_spans_no_clips_of_a_recording_overlap() -> None:
    moments = Moments(("x", "x", "y"), None)
    assert moments.others(torch.tensor([0, 1, 2]), "batch").tolist() == (~torch.eye(3, dtype=torch.bool)).tolist()  # type: ignore[union-attr]
    assert moments.others(torch.tensor([2, 0]), "recording").tolist() == [[False, False], [False, False]]  # type: ignore[union-attr]
    assert moments.others(torch.tensor([0, 1]), "all") is None


def test_a_trained_temperature_has_the_gradient_of_the_formula() -> None:
    model, batch, term = fusion(train_temperature=True, temperature=0.3), batch_of(8), AlignmentTerm(negatives="all")
    assert model.log_temperature is not None
    assert model.log_temperature.item() == pytest.approx(math.log(0.3))
    alignment_of(model, batch, term, None).backward()
    found = model.log_temperature.grad
    assert found is not None
    step = 1e-2
    ends = []
    for sign in (1, -1):
        moved = fusion(temperature=0.3 * math.exp(sign * step))
        ends.append(float(alignment_of(moved, batch, term, None).detach()))
    assert float(found) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-2)
    assert float(found) != 0


def slow_prototypes(
    model: Fusion, batch: StreamBatch, term: PrototypeTerm, support: Modalities, query: Modalities
) -> Tensor | None:
    """Every prototype and every query by itself; None where the episode cannot be played."""
    each = term.shots + term.queries
    prototypes, queries = [], []
    for kind in range(term.ways):
        shown = [alone(model, batch, kind * each + place, support) for place in range(term.shots)]
        shown = [vector for vector in shown if vector is not None]
        if not shown:
            return None
        prototypes.append(torch.stack([unit(v, term) for v in shown if v is not None]).sum(0) / len(shown))
        asked = [alone(model, batch, kind * each + place, query) for place in range(term.shots, each)]
        queries += [(unit(vector, term), kind) for vector in asked if vector is not None]
    if not queries:
        return None
    scale = {"squared-euclidean": 1.0, "cosine": 10.0}[term.distance] if term.scale is None else term.scale
    losses = []
    for vector, kind in queries:
        if term.distance == "cosine":
            scores = torch.stack([vector @ p / (vector.norm() * p.norm()) for p in prototypes])
        else:
            scores = torch.stack([-((vector - p) ** 2).sum() for p in prototypes])
        losses.append(-torch.log_softmax(scale * scores, 0)[kind])
    return term.weight * torch.stack(losses).mean()


def unit(vector: Tensor, term: PrototypeTerm) -> Tensor:
    return vector / vector.norm() if term.normalise else vector


@pytest.mark.parametrize("share", [1.0, 0.6, 0.25])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"pairing": "disjoint", "distance": "cosine", "weight": 2.0},
        {"pairing": "all", "normalise": True, "scale": 3.0},
    ],
    ids=str,
)
def test_the_loss_of_an_episode_is_that_of_its_clips_one_by_one(fields: Mapping[str, object], share: float) -> None:
    term = PrototypeTerm.model_validate({"ways": 3, "shots": 2, "queries": 2, **fields})
    fallen_back = 0
    for seed in range(12):
        model, batch = fusion(), batch_of(term.clips, share, seed)
        found = prototypes_of(model, batch, term, torch.Generator().manual_seed(seed))
        pair = draw_subset_pair(model.modalities, term.pairing, torch.Generator().manual_seed(seed))
        expected = slow_prototypes(model, batch, term, *pair)
        if expected is None:
            fallen_back += 1
            expected = slow_prototypes(model, batch, term, NAMES, NAMES)
        assert expected is not None
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    if share == 0.25 and term.pairing != "all":
        assert fallen_back > 0
    if share == 1.0:
        assert fallen_back == 0
