"""Where a data set's feature stores lie, how they are filled, and how a run's streams are read from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import xxhash
from pydantic import JsonValue

from egoshift.classifier import AbstractSubsetClassifier
from egoshift.datasets import DataCard, load_dataset
from egoshift.encoders import PIXELS, SIGNAL, sensor_of, weights_digest
from egoshift.encoders.pixels import load_pixel_encoder
from egoshift.errors import ConfigError, StoreError
from egoshift.features import (
    AbstractFeatureSource,
    JoinedFeatures,
    Manifest,
    SignalFeatures,
    Store,
    StoredFeatures,
)
from egoshift.features.layout import MANIFEST
from egoshift.files import plain
from egoshift.recipes.run import Run, StreamRef
from egoshift.recipes.sensor_encoders import sensor_weights, signal_spec
from egoshift.records import Dataset, Label, Vocabulary
from egoshift.remote import here
from egoshift.training import read_config
from egoshift.training.checkpoint import WEIGHTS_FILE
from egoshift.training.classifiers import CLASSIFIERS

_ANNOTATED = ("clip_id", "video_id", "start_s", "stop_s", "split", "verb", "noun", "action")
_BETWEEN = "--"  # the parts of a store's name


def store_folder(card: DataCard, encoder: str) -> Path:
    """The folder of this data set's features by this encoder, named after the hub id or the local folder or file.

    A file's folder is part of the name, since makers call their files alike. A trained sensor encoder's begins with the
    run that trained it and ends with its weights' digest, since it may be trained again.
    """
    if (sensor := sensor_of(encoder)) is not None:
        _, name, sha256 = sensor_weights(encoder)
        return card.features / f"{sensor}--{plain(name, _BETWEEN)}--{sha256[:8]}"
    weights = encoder.removeprefix(PIXELS)
    place = Path(weights).expanduser()
    name = place.name if place.is_dir() else weights
    name = f"{place.resolve().parent.name}--{place.name}" if place.is_file() else name
    return card.features / plain((PIXELS if weights != encoder else "") + name, _BETWEEN)


@dataclass(frozen=True)
class Opened:
    """A data set with its features open for a run.

    Attributes:
        card: The data card.
        dataset: What the annotation files say, without the classes that nothing may be trained on (``base_classes``).
        stores: Per encoder name, the store; none of a sensor's own signal.
        everything: The data set with all its classes.
        path: Where the data card lies.
    """

    card: DataCard
    dataset: Dataset
    stores: Mapping[str, Store]
    everything: Dataset
    path: Path

    @classmethod
    def of(cls, run: Run, path: Path) -> "Opened":
        """Opens every store that the run's streams need.

        Raises:
            StoreError: A store is absent or lacks a view; the line says which command fills it.
        """
        card = DataCard.read(path)
        stored = {name: stream for name, stream in run.streams.items() if not stream.encoder.startswith(SIGNAL)}
        stores = {stream.encoder: _open(card, path, stream) for stream in stored.values()}
        for name, stream in stored.items():
            if stream.view not in stores[stream.encoder].views:
                raise StoreError(
                    f"{stores[stream.encoder].path}: holds {', '.join(stores[stream.encoder].views)} views, "
                    f"the run reads {stream.view!r}; extract it with hand detections in the data card, choose a recipe "
                    f"without hand crops, or --set streams.{name}.view=full"
                )
        # Signals are read from the sensors' files, which are only looked for where media are needed.
        dataset = load_dataset(card, need_videos=len(stored) < len(run.streams))
        return cls(card, base_classes(dataset), stores, dataset, path)

    @property
    def manifests(self) -> list[Manifest]:
        """What its stores say of themselves."""
        return [store.manifest for store in self.stores.values()]

    @property
    def data_digest(self) -> str:
        """Of the data set as it was read: its clips, times, splits and labels, and the names of its classes.

        The same features say other things once annotations change, or how the card cuts videos into clips.
        """
        names = {label: [one.names, one.synonyms] for label, one in sorted(self.everything.vocabularies.items())}
        novel = sorted(self.everything.novel_classes.items())
        digest = xxhash.xxh3_64(json.dumps([names, novel]).encode())
        digest.update(self.everything.clips.select(_ANNOTATED).write_csv().encode())
        return digest.hexdigest()

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
        return self._of_first_split(trained_on=trained_on)

    def everything_to_evaluate(self, *, trained_on: bool) -> pl.DataFrame:
        """The same with clips of all classes, novel ones too, whatever of their labels this data set keeps."""
        whole = replace(self, dataset=self.everything)._of_first_split(trained_on=trained_on)
        return self.dataset.clips.filter(pl.col("clip_id").is_in(whole["clip_id"].implode()))

    def _of_first_split(self, *, trained_on: bool) -> pl.DataFrame:
        annotated = pl.any_horizontal(pl.col("verb", "noun", "action").is_not_null())
        for split in ("test", "val") if trained_on else ("test", "val", "train"):
            clips = self.clips(split).filter(annotated)
            if len(clips):
                return clips
        raise ConfigError(
            f"{self.card.name}: has no labelled clips to evaluate on"
            + (" but those it was trained on; mark some with split val, or give another data set" if trained_on else "")
        )

    def features(self, run: Run, clips: pl.DataFrame, labels: Sequence[Label]) -> AbstractFeatureSource:
        """The run's streams of these clips; a fusion needs only one of them of each clip."""
        signals = [name for name, stream in run.streams.items() if stream.encoder.startswith(SIGNAL)]
        stored = {name: ref for name, ref in run.streams.items() if name not in signals}
        streams = {name: (self.stores[stream.encoder], stream.view) for name, stream in stored.items()}
        any_of_them = issubclass(CLASSIFIERS[run.method.name], AbstractSubsetClassifier)
        sources: list[AbstractFeatureSource] = []
        if streams:
            features = StoredFeatures(streams, clips, labels, optional=streams if any_of_them else ())
            sources, clips = [features], features.clips
        for name in signals:
            keep = any_of_them and len(run.streams) > 1
            sources.append(SignalFeatures(self.dataset, clips, signal_spec(run, name), labels, keep_absent=keep))
        return sources[0] if len(sources) == 1 else JoinedFeatures(sources)


def made_from(run: Run, stores: Mapping[str, Store]) -> dict[str, JsonValue]:
    """What results and models say of the features they were made from, by encoder, and of the models begun with.

    Stored pictures depend on how they are prepared alone, but what is made of them depends on the tower that sees them.
    """
    made: dict[str, JsonValue] = {
        f"start {number}": {"weights": read_config(folder).digests[WEIGHTS_FILE]}
        for number, folder in enumerate(run.start)
    }
    for encoder, store in stores.items():
        seen_by = f"+{weights_digest(encoder.removeprefix(PIXELS))}" if encoder.startswith(PIXELS) else ""
        made[encoder] = {"weights": store.manifest.encoder.sha256 + seen_by, "arrays": dict(store.manifest.arrays)}
    return made


def base_classes(dataset: Dataset) -> Dataset:
    """The data set as training may see it: without novel classes, whose clips lose that label but stay."""
    vocabularies, clips = dict(dataset.vocabularies), dataset.clips
    for label, novel in dataset.novel_classes.items():
        old = vocabularies[label]
        kept = [index for index in range(len(old)) if index not in novel]
        synonyms = tuple(old.synonyms[index] for index in kept) if old.synonyms else ()
        vocabularies[label] = Vocabulary(label, tuple(old.names[index] for index in kept), synonyms)
        numbers = {index: number for number, index in enumerate(kept)}
        clips = clips.with_columns(pl.col(label).replace_strict(numbers, default=None, return_dtype=pl.Int64))
    return replace(dataset, vocabularies=vocabularies, clips=clips, novel_classes={})


def _open(card: DataCard, path: Path, stream: StreamRef) -> Store:
    folder = store_folder(card, stream.encoder)
    if not here(folder, everything=True).exists():
        others = ", ".join(sorted(path.parent.name for path in folder.parent.glob(f"*/{MANIFEST}")))
        there = f" (there are those of {others})" if others else ""
        raise StoreError(
            f"{folder}: no features of {card.name} by {stream.encoder}{there}; "
            f"run `egoshift extract {path} --encoder {stream.encoder}` first"
        )
    if not stream.encoder.startswith(PIXELS):
        return Store.open(folder)
    # Of pictures nothing but their preparation can be wrong, and it is read in no time.
    return Store.open(folder, expect={"encoder.sha256": load_pixel_encoder(stream.encoder).card.sha256})
