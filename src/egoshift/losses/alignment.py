"""L_align: embeddings of one moment in different modalities are drawn together, those of other moments apart.

Paper: Gong et al., "MMG-Ego4D: Multi-Modal Generalization in Egocentric Action Recognition", CVPR 2023 (arXiv
2305.07214). As printed, for clip i with z_v its video embedding and z_m that of another modality m,

    L_align = sum over m in {audio, IMU} of  -log( exp(<z_v_i, z_m_i> / tau)
                                                  / (exp(<z_v_i, z_m_i> / tau) + sum_j exp(<z_v_i, z_m_j> / tau)) )

with j over other temporal locations. The defaults are this formula; there is no term between audio and IMU, and none
with the roles of video and m exchanged. What the paper does not say, and what is chosen here:

    - Mean. Each modality's term is averaged over the clips that have both embeddings, and the terms are summed.
    - Length. Unit length before the product (``normalise``).
    - tau. 0.07 unless given; it may be a tensor with a gradient, whose owner keeps it above zero.
    - Other temporal locations. The other clips of the batch (``negatives``); see ``other_moments`` for those that show
      the same moment. With several processes, those of each process.
    - A clip without the anchor, or without the other modality, has no positive: it adds nothing to the sum nor to what
      the sum is divided by. It still is a negative for the others, where it has their modality.
    - A clip without any negative has a term of zero, as in the formula, and is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from egoshift.errors import ConfigError

PAIRS = ("video-anchored", "all")
"""Between which modalities: the anchor and each other one, or every two."""

SCOPES = ("batch", "recording", "other-recordings")
"""Where other temporal locations are looked for; see ``other_moments``."""


@dataclass(frozen=True)
class Alignment:
    """The loss of a batch and what it is made of.

    Attributes:
        loss: The sum over pairs of modalities of the mean term; zero, with a gradient of zero, where no clip has two.
        counts: Per pair of modalities, the clips that have both and were averaged over.
    """

    loss: Float[Tensor, ""]
    counts: Mapping[tuple[str, str], Int[Tensor, ""]]

    @property
    def num_positives(self) -> int:
        """Positives of all pairs together; where it is zero, the batch had nothing to align."""
        return sum(int(count) for count in self.counts.values())


def alignment_loss(
    embeddings: Mapping[str, Float[Tensor, "batch dim"]],
    *,
    temperature: Float[Tensor, ""] | float = 0.07,
    anchor: str = "video",
    pairs: str = "video-anchored",
    symmetric: bool = False,
    normalise: bool = True,
    present: Mapping[str, Bool[Tensor, " batch"]] | None = None,
    negatives: Bool[Tensor, "batch batch"] | None = None,
) -> Alignment:
    """L_align of a batch, in float32 also under autocast.

    Args:
        embeddings: Per modality, one vector a clip.
        temperature: tau, above zero; a tensor gets a gradient.
        anchor: The modality that plays the video's part.
        pairs: ``"video-anchored"`` or ``"all"``; then the first of two names is the anchor, in alphabetical order after
            the anchor itself.
        symmetric: Whether a pair's term is the mean of both directions, and not of the anchor's alone.
        normalise: Whether embeddings are brought to unit length.
        present: Per modality, which clips have it; one that is not named is present everywhere. What the embedding of
            an absent one holds has no influence.
        negatives: Whether clip j (column) is another temporal location than clip i (row); none: all other clips are.

    Raises:
        ConfigError: If the anchor has no embeddings, an option is none of its choices or the temperature is not above
            zero.

    Examples:
        >>> same = torch.eye(2)
        >>> alignment_loss({"video": same, "audio": same}, temperature=1.0).loss
        tensor(0.3133)
    """
    _check(embeddings, anchor, pairs, temperature)
    some = embeddings[anchor]
    everywhere = torch.ones(len(some), dtype=torch.bool, device=some.device)
    itself = torch.eye(len(some), dtype=torch.bool, device=some.device)
    others = ~itself if negatives is None else negatives.to(some.device) & ~itself
    known = {name: (present or {}).get(name, everywhere).to(some.device) for name in embeddings}
    with torch.autocast(some.device.type, enabled=False):
        vectors = {name: _vectors(given, known[name], normalise) for name, given in embeddings.items()}
        # A sum over no rows: zero, and tied to every embedding by a gradient of zero.
        loss = torch.stack([given[:0].sum() for given in vectors.values()]).sum()
        counts = {}
        for first, second in _pairs(embeddings, anchor, pairs):
            both = known[first] & known[second]
            scores = vectors[first] @ vectors[second].T / temperature
            term = _mean_term(scores, itself | others & known[second], both)
            if symmetric:
                term = (term + _mean_term(scores.T, itself | others & known[first], both)) / 2
            loss, counts[first, second] = loss + term, both.sum()
    return Alignment(loss, counts)


def other_moments(
    recordings: Int[Tensor, " batch"],
    start_s: Float[Tensor, " batch"],
    stop_s: Float[Tensor, " batch"],
    *,
    within: str = "batch",
) -> Bool[Tensor, "batch batch"]:
    """Which clips are other temporal locations: the ``negatives`` of ``alignment_loss``.

    Two windows of one recording that overlap show the same moment, so neither is a negative of the other; windows that
    only touch do not overlap.

    Args:
        recordings: Per clip, a number that stands for its recording.
        start_s: Per clip, its start in the recording, in seconds.
        stop_s: Per clip, its end, after the start.
        within: ``"batch"`` takes all clips but those of the same moment, ``"recording"`` those of the same recording
            only (harder: same place, same person), ``"other-recordings"`` those of other recordings only.

    Raises:
        ConfigError: If the scope is none of these, or a clip ends before it starts.

    Examples:
        >>> times = torch.tensor([0.0, 1.0, 2.0])
        >>> other_moments(torch.tensor([7, 7, 7]), times, times + 2.0).int()
        tensor([[0, 0, 1],
                [0, 0, 0],
                [1, 0, 0]], dtype=torch.int32)
    """
    if within not in SCOPES:
        raise ConfigError(f"within is {within!r}; give one of {', '.join(map(repr, SCOPES))}")
    wrong = ~(start_s < stop_s)
    if bool(wrong.any()):
        clip = int(wrong.nonzero()[0])
        raise ConfigError(
            f"{int(wrong.sum())} of {len(wrong)} clips do not end after they start, clip {clip} lasts from "
            f"{float(start_s[clip]):g} s to {float(stop_s[clip]):g} s; give starts and stops in seconds"
        )
    same = recordings == recordings.unsqueeze(1)
    overlapping = same & (start_s.unsqueeze(1) < stop_s) & (start_s < stop_s.unsqueeze(1))
    if within == "recording":
        return same & ~overlapping
    return ~same if within == "other-recordings" else ~overlapping


def _check(embeddings: Mapping[str, Tensor], anchor: str, pairs: str, temperature: Tensor | float) -> None:
    if anchor not in embeddings:
        raise ConfigError(
            f"anchor is {anchor!r}, but the embeddings are of {', '.join(embeddings) or 'nothing'}; name one of these, "
            "or mark the anchor as absent everywhere"
        )
    if pairs not in PAIRS:
        raise ConfigError(f"pairs is {pairs!r}; give one of {', '.join(map(repr, PAIRS))}")
    value = temperature.detach().item() if isinstance(temperature, Tensor) else temperature
    if not value > 0:
        raise ConfigError(f"temperature is {value:g}; give a number above zero (a trained one as the exp of its log)")


def _vectors(
    given: Float[Tensor, "batch dim"], present: Bool[Tensor, " batch"], normalise: bool
) -> Float[Tensor, "batch dim"]:
    """The embeddings in float32, with zeros where they are absent, whatever the memory held."""
    vectors = given.float().masked_fill(~present.unsqueeze(1), 0.0)
    return functional.normalize(vectors, dim=-1) if normalise else vectors


def _pairs(embeddings: Mapping[str, Tensor], anchor: str, pairs: str) -> list[tuple[str, str]]:
    others = sorted(name for name in embeddings if name != anchor)
    anchored = [(anchor, name) for name in others]
    return anchored if pairs == "video-anchored" else [*anchored, *combinations(others, 2)]


def _mean_term(
    scores: Float[Tensor, "batch batch"], compared: Bool[Tensor, "batch batch"], counted: Bool[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """The mean over the counted rows of -log softmax at the diagonal, among the columns compared with each row."""
    terms = scores.masked_fill(~compared, -torch.inf).logsumexp(1) - scores.diagonal()
    return terms.masked_fill(~counted, 0.0).sum() / counted.sum().clamp_min(1)
