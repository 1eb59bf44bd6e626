"""Cosine logits: of class text as it is, and of class text moved by a vector per video.

X-MIC scores class t for video b by ``scale * <unit(e_t + a_b), v_b>`` (paper, eq. 1), with e_t the text, a_b the
shift and v_b the unit video vector. The authors build every ``e_t + a_b``, a batch x classes x dim tensor
(https://github.com/Annusha/xmic/blob/5b8a29b/trainers/xmic.py), and autograd keeps several copies of it. The same
number follows from two matrix products:

    <e_t + a_b, v_b> = <e_t, v_b> + <a_b, v_b>
    |e_t + a_b|^2    = |e_t|^2 + 2 <e_t, a_b> + |a_b|^2

so nothing larger than batch x classes is stored. Where e_t nearly equals -a_b the second line cancels; those entries
(and only those) are computed from the difference itself.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from egoshift.blocks.graphs import values_are_known

FLOOR = 1e-6
"""Lengths below it count as it. It is about the resolution of a float32 vector of CLIP's length (7 to 11)."""

CANCELLATION = 1e-2
"""An entry whose |e + a|^2 is below this share of |e|^2 + |a|^2 is computed directly.

The factored square is exact to about 2e-7 of |e|^2 + |a|^2, so the threshold sets the worst error of the entries above
it. Measured as shares of the largest value, for logits and gradients: 1e-6 and 8e-6 at a threshold of 1e-2, 7e-4 and
4e-3 at one of 1e-5. A share of 1e-2 means that e and -a lie within 6 degrees and are nearly of one length: so rare
that the generous threshold costs nothing.
"""

CHUNK = 1 << 14
"""How many entries are computed directly at a time; bounds their memory to CHUNK x dim."""

Scale = Float[Tensor, ""] | float


def cosine_logits(
    text: Float[Tensor, "classes dim"], video: Float[Tensor, "batch dim"], scale: Scale
) -> Float[Tensor, "batch classes"]:
    """Scaled cosines between class text and unit video vectors, in float32 also under autocast.

    Args:
        text: Class text embeddings of any length.
        video: Unit video vectors.
        scale: What the cosines are multiplied by (CLIP: 100).

    Examples:
        >>> cosine_logits(torch.tensor([[2.0, 0.0], [0.0, 5.0]]), torch.tensor([[0.6, 0.8]]), 100.0)
        tensor([[60.0000, 80.0000]])
    """
    with torch.autocast(text.device.type, enabled=False):
        text, video = text.float(), video.float()
        squared = _squared_lengths(text).clamp_min(FLOOR**2)
        return scale * ((video @ text.T) * squared.rsqrt())


def adapted_logits(
    text: Float[Tensor, "classes dim"],
    shift: Float[Tensor, "batch dim"],
    video: Float[Tensor, "batch dim"],
    scale: Scale,
) -> Float[Tensor, "batch classes"]:
    """Scaled cosines between class text moved by each video's shift and that video's unit vector.

    Equal to ``adapted_logits_direct`` in values and gradients, without its batch x classes x dim tensor; in float32
    also under autocast. A shift of zero gives ``cosine_logits`` to the bit.

    Args:
        text: Class text embeddings as they enter the sum.
        shift: What is added to every class, one vector per video.
        video: Unit video vectors.
        scale: What the cosines are multiplied by.

    Examples:
        >>> text, shift = torch.tensor([[2.0, 0.0], [0.0, 5.0]]), torch.tensor([[1.0, 4.0]])
        >>> adapted_logits(text, shift, torch.tensor([[0.6, 0.8]]), 100.0)
        tensor([[100.0000,  86.1366]])
    """
    with torch.autocast(text.device.type, enabled=False):
        text, shift, video = text.float(), shift.float(), video.float()
        text_squared = _squared_lengths(text)
        shift_squared = shift.square().sum(1, keepdim=True)
        along = (shift * video).sum(1, keepdim=True)
        products = torch.addmm(along, video, text.T)
        squared = torch.addmm(text_squared, shift, text.T, alpha=2.0).add_(shift_squared)
        cancelled = _cancelled(squared.detach(), text_squared.detach(), shift_squared.detach())
        if cancelled is None:
            return scale * (products * squared.rsqrt_())
        cosines = products * squared.masked_fill(cancelled, 1.0).rsqrt()
        rows, classes = cancelled.nonzero(as_tuple=True)
        if not values_are_known():
            # Their number is not known either, so they are not cut into chunks; and the first entry is always among
            # them, since onnxruntime (1.31) sums nothing at all to a tensor of a wrong shape.
            rows, classes = functional.pad(rows, (0, 1)), functional.pad(classes, (0, 1))
            return scale * cosines.index_put((rows, classes), _direct_entries(text, shift, video, rows, classes))
        exact = [
            checkpoint(_direct_entries, text, shift, video, *part, use_reentrant=False, preserve_rng_state=False)
            for part in zip(torch.split(rows, CHUNK), torch.split(classes, CHUNK), strict=True)
        ]
        return scale * cosines.index_put((rows, classes), torch.cat(exact))


def adapted_logits_direct(
    text: Float[Tensor, "classes dim"],
    shift: Float[Tensor, "batch dim"],
    video: Float[Tensor, "batch dim"],
    scale: Scale,
) -> Float[Tensor, "batch classes"]:
    """What ``adapted_logits`` computes, as the equation is printed; the reference of tests and benchmarks.

    Takes batch x classes x dim memory, several times over in training. Arguments as ``adapted_logits``.
    """
    moved = text + shift.unsqueeze(1)
    return scale * (functional.normalize(moved, dim=-1, eps=FLOOR) * video.unsqueeze(1)).sum(-1)


def _squared_lengths(vectors: Float[Tensor, "classes dim"]) -> Float[Tensor, " classes"]:
    # By way of the norm, which alone sums squares without storing them: for 7,099 classes most of the memory.
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1)
    return lengths.square()


def _cancelled(
    squared: Float[Tensor, "batch classes"],
    text_squared: Float[Tensor, " classes"],
    shift_squared: Float[Tensor, "batch 1"],
) -> Bool[Tensor, "batch classes"] | None:
    """Which entries are to be computed directly; None where none are, found out in one cheap pass."""
    least = FLOOR**2 / CANCELLATION
    highest_limit = (CANCELLATION * (text_squared.amax() + shift_squared)).clamp_min(least)
    if values_are_known() and not bool((squared.amin(1, keepdim=True) <= highest_limit).any()):
        return None
    cancelled = squared <= (CANCELLATION * (text_squared + shift_squared)).clamp_min(least)
    return cancelled if not values_are_known() or bool(cancelled.any()) else None


def _direct_entries(
    text: Float[Tensor, "classes dim"],
    shift: Float[Tensor, "batch dim"],
    video: Float[Tensor, "batch dim"],
    rows: Int[Tensor, " entries"],
    classes: Int[Tensor, " entries"],
) -> Float[Tensor, " entries"]:
    """The cosines of single (video, class) entries, from the sum itself."""
    moved = text[classes] + shift[rows]
    return (functional.normalize(moved, dim=-1, eps=FLOOR) * video[rows]).sum(-1)
