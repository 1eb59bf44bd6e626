"""How fast this machine extracts and trains, measured briefly or read from a file: what plans are made of."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from egoshift.classifier import ClassText
from egoshift.encoders import AbstractImageEncoder, load_image_encoder
from egoshift.encoders.precision import open_device
from egoshift.errors import ConfigError, MediaError
from egoshift.features import AbstractFeatureSource, FramePlan, TensorFeatures, extract
from egoshift.foreign import parse_json
from egoshift.media import probe
from egoshift.methods import PRESETS, XMIC
from egoshift.recipes.plan import Rates
from egoshift.records import CLIP_SCHEMA, Dataset
from egoshift.training import FitProgress, FitSettings, fit
from egoshift.world.film import encode

SIZE, VIDEO_RATE_HZ, SECONDS = (1280, 720), 30, 8.0
CLIPS, FRAMES, CLASSES, BATCH = 2048, 16, 521, 128
WARM_UP_STEPS = 2
_BENCHMARKS = {"frames_per_s": "extraction-overlap", "clips_per_s": "full-scale-share-of-peak"}


def measure_rates(
    encoder: str | None = None,
    *,
    video: Path | None = None,
    device: str = "cpu",
    rate_hz: float = 4.0,
    seconds: float = SECONDS,
    clips: int = CLIPS,
) -> Rates:
    """Extracts a few seconds of video and trains X-MIC for a few steps.

    Args:
        encoder: The frozen tower; by default a ViT-B/16 with random weights, which costs what a trained one costs.
        video: What is extracted from; by default a generated one of 1280x720.
        device: Where to compute.
        rate_hz: Frames encoded per second of video.
        seconds: How much of the video.
        clips: How many clips one epoch is trained on; at least four batches of 128.

    Raises:
        ConfigError: There is no such device here.
        MediaError: The video cannot be read.
        WeightsError: There is no such encoder.
    """
    opened = open_device(device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tower = load_image_encoder(encoder or str(write_vit_b16(folder / "vit")), device=opened)
        file = video or write_panning(folder / "video.mp4", seconds)
        frames_per_s = extracted_per_s(tower, file, folder, min(seconds, probe(file).duration_s), rate_hz)
    cuda = opened.type == "cuda"
    return Rates(
        frames_per_s=frames_per_s,
        clips_per_s=trained_per_s(random_features(clips, tower.card.dim), device="cuda" if cuda else "cpu"),
        cores=os.cpu_count() or 1,
        gpus=1 if cuda else 0,
        dim=tower.card.dim,
    )


def extracted_per_s(encoder: AbstractImageEncoder, video: Path, folder: Path, seconds: float, rate_hz: float) -> float:
    """Frames per second from a video file to a finished store, after a first part that loads the libraries' code.

    Raises:
        MediaError: The video cannot be read.
    """
    for name, part_s in (("first", seconds / 4), ("all", seconds)):
        plan = FramePlan(rate_hz=rate_hz)
        report = extract(_one_clip(video, part_s), encoder, folder / name, plan=plan, compare=False)
    if report.faults:
        raise MediaError(report.faults[0])
    return report.frames_encoded / report.seconds


def trained_per_s(
    source: AbstractFeatureSource,
    *,
    device: str = "cpu",
    epochs: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Clips per second of X-MIC's training (preset ``released``, batches of 128), after two steps of warming up.

    Args:
        source: Streams ``hand`` and ``full``, targets ``noun`` below 521; at least four batches of clips.
        device: ``cpu`` or ``cuda``.
        epochs: Passes over the source.
        clock: Whose seconds.
    """
    dim, marks = next(iter(source.dims.values())), list[tuple[int, float]]()

    def note(state: FitProgress) -> None:
        marks.append((state.epoch * state.num_steps + state.step, clock()))

    torch.manual_seed(0)
    fit(
        XMIC(**{**PRESETS["xmic"]["released"], "text_dim": dim}),  # type: ignore[arg-type]
        source,
        {"noun": ClassText(8 / dim**0.5 * torch.randn(CLASSES, dim))},
        settings=FitSettings(epochs=epochs, batch_size=BATCH, num_frames=FRAMES, selection="last"),
        accelerator="cuda" if device == "cuda" else "cpu",
        progress=note,
    )
    first_step, first_s = next(mark for mark in marks if mark[0] >= WARM_UP_STEPS)
    last_step, last_s = marks[-1]
    return (last_step - first_step) * BATCH / (last_s - first_s)


def random_features(clips: int, dim: int) -> TensorFeatures:
    """Random features of both views in half precision."""
    generator = torch.Generator().manual_seed(0)
    streams = {name: torch.randn(clips, FRAMES, dim, generator=generator).half() for name in ("hand", "full")}
    return TensorFeatures(streams, {"noun": torch.randint(CLASSES, (clips,), generator=generator)})


def write_vit_b16(folder: Path) -> Path:
    """A CLIP ViT-B/16 image tower with random weights, as a local folder."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    from egoshift.encoders.tower import quiet_transformers

    config = CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, patch_size=16
    )
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.manual_seed(0)
        CLIPVisionModelWithProjection(config).save_pretrained(folder)
    size = {"crop_size": 224, "size": 224, "resample": 3, "do_resize": True, "do_center_crop": True}
    colour = {"do_normalize": True, "image_mean": [0.481, 0.458, 0.408], "image_std": [0.269, 0.261, 0.276]}
    kind = {"image_processor_type": "CLIPImageProcessor", "do_rescale": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(size | colour | kind))
    return folder


def write_panning(path: Path, seconds: float) -> Path:
    """A video of 1280x720 at 30 frames a second: a camera that pans over a grainy texture."""
    width, height = SIZE
    generator = np.random.default_rng(0)
    coarse = generator.integers(40, 215, (40, 64, 3)).astype(np.uint8)
    texture = np.kron(coarse, np.ones((32, 32, 1), np.uint8))
    texture = np.tile((texture + generator.integers(-12, 13, texture.shape)).clip(0, 255).astype(np.uint8), (1, 2, 1))

    def frames() -> Iterator[np.ndarray]:
        for index in range(round(seconds * VIDEO_RATE_HZ)):
            left, top = int(300 + 280 * np.sin(index / 40)), int(200 + 190 * np.cos(index / 55))
            yield np.ascontiguousarray(texture[top : top + height, left : left + width])

    encode(path, frames(), SIZE, VIDEO_RATE_HZ)
    return path


def read_rates(path: Path) -> Rates:
    """Rates from a file: the fields of ``Rates``, what ``egoshift plan --json`` printed, or ``docs/benchmarks.json``.

    Raises:
        ConfigError: It cannot be read, or a rate is missing or no positive number.
    """
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give a file of rates") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is no JSON ({error}); give a file of rates") from None
    if isinstance(document, list):
        document = _of_benchmarks(document, path)
    fields = document.get("rates", document) if isinstance(document, dict) else document
    if not isinstance(fields, dict):
        raise ConfigError(f"{path}: holds a {type(fields).__name__}, expected an object such as {Rates.EXAMPLE}")
    return Rates.of(fields, str(path))


def _of_benchmarks(lines: Sequence[object], path: Path) -> dict[str, Any]:
    """The rates among the lines of all benchmarks, which were measured on a processor."""
    named = {str(line.get("name")): line for line in lines if isinstance(line, dict)}
    missing = [name for name in _BENCHMARKS.values() if name not in named]
    if missing:
        raise ConfigError(f"{path}: has no benchmark {' and '.join(missing)}; `make bench` writes them")
    extraction, training = (named[name] for name in _BENCHMARKS.values())
    if extraction.get("machine") != training.get("machine"):
        raise ConfigError(
            f"{path}: {' and '.join(_BENCHMARKS.values())} were measured on different machines "
            f"({extraction.get('machine')}; {training.get('machine')}); measure both on one"
        )
    return {
        "frames_per_s": extraction.get("extract_frames_per_s"),
        "clips_per_s": training.get("clips_per_s"),
        "cores": extraction.get("cores"),
    }


def _one_clip(video: Path, seconds: float) -> Dataset:
    """A data set whose one clip is the beginning of a video."""
    clip = {"clip_id": "c", "video_id": "v", "start_s": 0.0, "stop_s": seconds, "split": "train", "file": "f", "row": 2}
    return Dataset("plan", pl.DataFrame([clip], schema=CLIP_SCHEMA), {}, {"v": video})
