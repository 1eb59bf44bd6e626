"""What methods that train inside the image tower read from a batch: streams of pictures, one vector per video."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from egoshift.blocks.streams import classified_presence, read_stream, video_vectors
from egoshift.classifier import StreamBatch
from egoshift.encoders.vision import VisionTower
from egoshift.errors import ConfigError


def picture_vectors(
    batch: StreamBatch,
    names: Sequence[str],
    tower: VisionTower,
    encode: Callable[[Float[Tensor, "some time pixels"]], Float[Tensor, "some time dim"]],
    *,
    pooling: str,
    chunk_tokens: int,
) -> Float[Tensor, "batch dim"]:
    """``video_vectors`` of streams that hold pictures, each a row of 3 * size * size values from 0 to 255.

    Args:
        batch: Clips.
        names: The streams.
        tower: Whose pictures they are.
        encode: Makes features of some clips' pictures; see ``VisionTower.in_chunks``.
        pooling: How frames become one vector.
        chunk_tokens: How many tokens of frames run at once.

    Raises:
        ConfigError: A stream is missing or holds no such pictures, or a clip has none of the streams.
    """
    classified_presence(batch, names)
    features = {}
    for name in names:
        frames = read_stream(batch, name)
        if frames.shape[-1] != tower.num_pixels:
            raise ConfigError(
                f"stream {name!r} is {frames.shape[-1]} wide, expected pictures of 3 x {tower.size} x {tower.size}, "
                f"{tower.num_pixels} values; extract them with --encoder pixels:NAME, NAME being the method's encoder"
            )
        features[name] = tower.in_chunks(frames, encode, chunk_tokens)
    return video_vectors(StreamBatch(features, batch.present), names, pooling, tower.dim)
