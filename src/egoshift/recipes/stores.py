"""Where a data set's feature stores lie, how they are filled, and how a run's streams are read from them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import torch
from pydantic import JsonValue

from egoshift.datasets import DataCard, load_dataset
from egoshift.encoders import PIXELS, load_image_encoder, weights_digest
from egoshift.encoders.pixels import load_pixel_encoder
from egoshift.encoders.precision import Precision
from egoshift.errors import ConfigError, StoreError
from egoshift.features import ExtractProgress, ExtractReport, FramePlan, Store, StoredFeatures, View, extract
from egoshift.features.check import open_locator
from egoshift.recipes.run import Run, StreamRef
from egoshift.records import Dataset, Label


def store_folder(card: DataCard, encoder: str) -> Path:
    """The folder of this data set's features by this encoder, named after the hub id or the local folder or file.

    A file's folder is part of the name, since makers call their files alike.
    """
    weights = encoder.removeprefix(PIXELS)
    place = Path(weights).expanduser()
    name = place.name if place.is_dir() else weights
    name = f"{place.resolve().parent.name}--{place.name}" if place.is_file() else name
    return card.features / re.sub(r"[^\w.-]+", "--", (PIXELS if weights != encoder else "") + name)


def fill_store(
    card: DataCard,
    encoder: str,
    *,
    views: Sequence[View] | None = None,
    plan: FramePlan | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    batch_size: int = 16,
    progress: Callable[[ExtractProgress], None] | None = None,
) -> ExtractReport:
    """Encode what the clips of a data card need into its store; resumable, and a repeated call does nothing.

    Args:
        card: The data set.
        encoder: As for ``load_image_encoder``.
        views: By default full frames, and hand crops where the card names hand detections.
        plan: Which times; by default a grid of 4 frames a second.
        device: ``auto``, ``cpu``, ``cuda`` …
        precision: See ``load_image_encoder``.
        batch_size: Images per call of the encoder.
        progress: Called after every batch.

    Raises:
        ConfigError: Hand crops are asked for and the card names no detections.
    """
    wanted: tuple[View, ...] = ("full",) if card.hands is None else ("full", "hand")
    wanted = wanted if views is None else tuple(views)
    if "hand" in wanted and card.hands is None:
        raise ConfigError(
            f"{card.name}: hand crops need detections; add hands and hands_format to the data card, or use --views full"
        )
    dataset = load_dataset(card)
    return extract(
        dataset,
        load_image_encoder(encoder, device=_device(device), precision=precision),
        store_folder(card, encoder),
        plan=plan,
        views=wanted,
        locator=open_locator(card, dataset) if "hand" in wanted else None,
        batch_size=batch_size,
        progress=progress,
    )


@dataclass(frozen=True)
class Opened:
    """A data set with its features open for a run.

    Attributes:
        card: The data card.
        dataset: What the annotation files say.
        stores: Per encoder name, the store.
    """

    card: DataCard
    dataset: Dataset
    stores: Mapping[str, Store]

    @classmethod
    def of(cls, run: Run, path: Path) -> "Opened":
        """Opens every store that the run's streams need.

        Raises:
            StoreError: A store is absent or lacks a view; the line says which command fills it.
        """
        card = DataCard.read(path)
        stores = {stream.encoder: _open(card, path, stream) for stream in run.streams.values()}
        for name, stream in run.streams.items():
            if stream.view not in stores[stream.encoder].views:
                raise StoreError(
                    f"{stores[stream.encoder].path}: holds {', '.join(stores[stream.encoder].views)} views, "
                    f"the run reads {stream.view!r}; extract it with hand detections in the data card, choose a recipe "
                    f"without hand crops, or --set streams.{name}.view=full"
                )
        return cls(card, load_dataset(card, need_videos=False), stores)

    def clips(self, *splits: str) -> pl.DataFrame:
        """The clips of these splits, in the order of the annotation files."""
        return self.dataset.clips.filter(pl.col("split").is_in(splits))

    def evaluation_clips(self, *, trained_on: bool) -> pl.DataFrame:
        """The labelled clips reported on: ``test``, else ``val``; of a set not trained on, else its ``train``.

        Args:
            trained_on: Whether the model was trained on this data set, whose training clips then say nothing.

        Raises:
            ConfigError: There are none.
        """
        annotated = pl.any_horizontal(pl.col("verb", "noun", "action").is_not_null())
        for split in ("test", "val") if trained_on else ("test", "val", "train"):
            clips = self.clips(split).filter(annotated)
            if len(clips):
                return clips
        raise ConfigError(
            f"{self.card.name}: has no labelled clips to evaluate on"
            + (" but those it was trained on; mark some with split val, or give another data set" if trained_on else "")
        )

    def features(self, run: Run, clips: pl.DataFrame, labels: Sequence[Label]) -> StoredFeatures:
        """The run's streams of these clips."""
        streams = {name: (self.stores[stream.encoder], stream.view) for name, stream in run.streams.items()}
        return StoredFeatures(streams, clips, labels)


def made_from(stores: Mapping[str, Store]) -> dict[str, JsonValue]:
    """What results and models say of the features they were made from, by encoder.

    Stored pictures depend on how they are prepared alone, but what is made of them depends on the tower that sees them.
    """
    made: dict[str, JsonValue] = {}
    for encoder, store in stores.items():
        seen_by = f"+{weights_digest(encoder.removeprefix(PIXELS))}" if encoder.startswith(PIXELS) else ""
        made[encoder] = {"weights": store.manifest.encoder.sha256 + seen_by, "arrays": dict(store.manifest.arrays)}
    return made


def _open(card: DataCard, path: Path, stream: StreamRef) -> Store:
    folder = store_folder(card, stream.encoder)
    if not folder.exists():
        raise StoreError(
            f"{folder}: no features of {card.name} by {stream.encoder}; "
            f"run `egoshift extract {path} --encoder {stream.encoder}` first"
        )
    if not stream.encoder.startswith(PIXELS):
        return Store.open(folder)
    # Of pictures nothing but their preparation can be wrong, and it is read in no time.
    return Store.open(folder, expect={"encoder.sha256": load_pixel_encoder(stream.encoder).card.sha256})


def _device(name: str) -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
