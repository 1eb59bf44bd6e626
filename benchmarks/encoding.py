"""A ViT-B/16 image encoder in every runtime, against transformers' own float32 and against this processor's peak.

``transformers`` as it comes (its own model, float32, its default attention), and each runtime of
``load_image_encoder`` in its fastest exact-enough precision encode the same batch in turns, by one thread, in
processor time, so that a busy machine changes it little; the best of several rounds counts. Beside each turn run the
bfloat16 products of ``benchmarks.limits``, whose best rate is the peak. Operations are counted by torch's
``FlopCounterMode``. Two lines a runtime: its images per second as a multiple of transformers', and its operations per
second as a share of the peak. ``error`` is the mean of 1 - cosine between its features and those of float32. Weights
are random; a random ViT-B/16 costs what a trained one costs, but a trained one's error is larger.
"""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.limits import MatrixProducts, seconds, threads_of
from benchmarks.report import report
from egoshift.allocator import keep_large_blocks
from egoshift.encoders import AbstractImageEncoder, load_image_encoder
from egoshift.encoders.card import Runtime
from egoshift.encoders.image import FrozenImageEncoder
from egoshift.encoders.preprocess import normalise
from egoshift.encoders.tower import quiet_transformers
from egoshift.errors import ConfigError
from egoshift.recipes.plan_rates import write_vit_b16

COMMAND = "python -m benchmarks.encoding"
BATCH, ROUNDS = 16, 5
STOCK, EXACT_ENOUGH = "transformers", 1e-3


@dataclass
class Measured:
    """A way to encode.

    Attributes:
        encode: Bytes to features.
        first_s: Seconds at the clock from its name to its first features.
        error: Mean of 1 - cosine to float32.
        best_s: Processor seconds of the fastest batch so far.
    """

    encode: Callable[[Tensor], Tensor]
    first_s: float
    error: float
    best_s: float = float("inf")

    def turn(self, images: Tensor) -> None:
        """Encode once."""
        self.best_s = min(self.best_s, seconds(partial(self.encode, images)))


def pictures() -> Tensor:
    """A batch of smooth random pictures, as bytes."""
    coarse = torch.rand(BATCH, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    return functional.interpolate(coarse, (224, 224), mode="bicubic").mul(255).clamp(0, 255).to(torch.uint8)


def stock(folder: Path) -> Callable[[Tensor], Tensor]:
    """The model as ``from_pretrained`` gives it, on pictures that were normalised before."""
    from transformers import CLIPVisionModelWithProjection

    with quiet_transformers():
        model = CLIPVisionModelWithProjection.from_pretrained(folder).eval()
    card = load_image_encoder(str(folder), precision="float32").card

    @torch.no_grad()
    def encode(images: Tensor) -> Tensor:
        features: Tensor = model(pixel_values=normalise(images, card)).image_embeds
        return features

    return encode


def own(name: str, runtime: Runtime) -> Callable[[Tensor], Tensor]:
    """The encoder of ``egoshift extract``."""
    return load_image_encoder(name, runtime=runtime).encode


def measure(make: Callable[[], Callable[[Tensor], Tensor]], images: Tensor, exact: Tensor | None) -> Measured:
    """A way to encode, after its first batch."""
    start = time.perf_counter()
    encode = make()
    features = encode(images)
    first_s = time.perf_counter() - start
    errors = torch.zeros(1) if exact is None else 1 - torch.cosine_similarity(features.double(), exact.double())
    return Measured(encode, first_s, float(errors.mean()))


def operations(encoder: AbstractImageEncoder, images: Tensor) -> int:
    """Of one batch: two for each multiply-add."""
    assert isinstance(encoder, FrozenImageEncoder), "torch counts only what torch computes"
    with FlopCounterMode(display=False) as counter:
        encoder.encode(images)
    return int(counter.get_total_flops())


def main() -> None:
    """Print two lines per runtime."""
    keep_large_blocks()
    images = pictures()
    with tempfile.TemporaryDirectory() as name, threads_of(1):
        folder = write_vit_b16(Path(name) / "vit")
        exact = load_image_encoder(str(folder), precision="float32")
        flop, features = operations(exact, images), exact.encode(images)
        ways = {STOCK: measure(lambda: stock(folder), images, features)}
        for runtime in get_args(Runtime):
            try:
                ways[runtime] = measure(partial(own, str(folder), runtime), images, features)
            except ConfigError as error:
                report(f"encoding-{runtime}", 0.0, f"not measured: {error}", "reported", COMMAND)
        products = MatrixProducts(torch.bfloat16)
        for _ in range(ROUNDS):
            products.turn()
            for way in ways.values():
                way.turn(images)
        tell(ways, flop, products.per_s, load_image_encoder(str(folder)).card.dtype)


def tell(ways: dict[str, Measured], flop: int, peak_per_s: float, dtype: str) -> None:
    """Print the lines; the bars hold for the fastest of those that are exact enough."""
    ours = {name: way for name, way in ways.items() if name != STOCK}
    usable = [name for name, way in ours.items() if way.error <= EXACT_ENOUGH]
    best = min(usable, key=lambda name: ours[name].best_s)
    facts: dict[str, Any] = {"size": f"ViT-B/16, batches of {BATCH}, one thread", "precision": dtype}
    facts |= {"load_average": round(os.getloadavg()[0], 1), "gflop_per_image": round(flop / BATCH / 1e9, 2)}
    facts |= {
        "peak_gflop_per_s": round(peak_per_s / 1e9, 1),
        "stock_images_per_s": round(BATCH / ways[STOCK].best_s, 2),
    }
    for name, way in ours.items():
        extra = facts | {"error": float(f"{way.error:.2g}"), "first_batch_s": round(way.first_s, 1)}
        extra |= {"images_per_s": round(BATCH / way.best_s, 2)}
        unit, bar = "times the images/s of transformers' float32", ">= 4" if name == best else "reported"
        report(f"encoding-{name}-rate", ways[STOCK].best_s / way.best_s, unit, bar, COMMAND, **extra)
        unit, bar = "% of the bfloat16 matrix-product peak", ">= 75 %" if name == best else "reported"
        report(f"encoding-{name}-share", 100 * flop / way.best_s / peak_per_s, unit, bar, COMMAND, **extra)


if __name__ == "__main__":
    main()
