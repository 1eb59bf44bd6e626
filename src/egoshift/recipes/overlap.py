"""Clips that are tested on must not show what training saw.

**Refused**: a tested clip that overlaps a training clip in time, in one video; and, across data sets, a video that is
in both, since the other data set is then not another. ``overlap: tell`` in a run lets a protocol have either.

**Told**, in the result and in tables: tested clips of videos that training saw at other times, within one data set.
Published splits may be so: EPIC-KITCHENS-100's have no video in two splits, Ego4D splits some videos by their clips.

A video is the same where its file is (by the manifests of feature stores), whatever it is called; where its id is, in
one folder; and where its id is, in two data sets of a format whose ids are the publisher's own.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from egoshift.datasets import DataCard, load_dataset
from egoshift.datasets.overlap import Moment, Shared, canonical, shared_with_training
from egoshift.encoders import sensor_of
from egoshift.errors import ConfigError, EgoshiftError
from egoshift.evaluation.result import Overlap
from egoshift.features import Manifest
from egoshift.features.layout import MANIFEST
from egoshift.recipes.run import OverlapRule, Run
from egoshift.recipes.stores import Opened, store_folder
from egoshift.remote import path_of
from egoshift.training import read_config
from egoshift.training.checkpoint import CONFIG_FILE

_PUBLISHED = ("epic-kitchens", "ego4d-fho", "egtea")
"""Formats in which an id is the publisher's, so that the same id is the same recording wherever it lies."""

_NAMED = 3
"""Clips and videos that an error names; there may be thousands."""


@dataclass(frozen=True)
class Seen:
    """Clips of one data set, and what their videos are known by."""

    name: str
    clips: pl.DataFrame
    known_as: dict[str, list[Hashable]]

    @classmethod
    def of(cls, card: DataCard, clips: pl.DataFrame, manifests: Sequence[Manifest]) -> "Seen":
        """Some clips of a data set; by their ids alone where it has no stores, of which these are the manifests."""
        return cls(card.name, clips, known_as(card, clips, manifests))


def known_as(card: DataCard, clips: pl.DataFrame, manifests: Sequence[Manifest]) -> dict[str, list[Hashable]]:
    """What the video of each clip is known by: its id, and its file where a store says which that is.

    Args:
        card: The data card.
        clips: The clips.
        manifests: Of the data set's stores.
    """
    place = card.format if card.format in _PUBLISHED else str(card.videos.resolve())
    files = [files_of(manifest) for manifest in manifests]
    videos = clips["video_id"].unique(maintain_order=True)
    return {video: [(place, video), *dict.fromkeys(own[video] for own in files if video in own)] for video in videos}


def files_of(manifest: Manifest) -> dict[str, tuple[str, int]]:
    """The file of each video of a store, by its content.

    Recordings of other sensors may all lie in one archive; a file that several of them are in says nothing of any.
    """
    files = {video: (entry.fingerprint, entry.num_bytes) for video, entry in manifest.videos.items()}
    shared = Counter(files.values()) if "window" in manifest.views else Counter[tuple[str, int]]()
    return {video: file for video, file in files.items() if shared[file] < 2}


def check_targets(run: Run, source: Opened) -> None:
    """Look at all that a run will be tested on before it is trained.

    A data set that cannot be read yet, or has no features yet, is looked at when it is evaluated on.

    Raises:
        ConfigError: As ``overlap_of`` and ``check_names``.
    """
    check_names(run, run.test)
    if len(source.clips("test", "val")):
        overlap_of(run, source, source, run.overlap)
    for path in run.test:
        try:
            target = source if path.resolve() == run.train.resolve() else Opened.of(run, path)
            tested = target.everything_to_evaluate(trained_on=target is source)
        except EgoshiftError:
            continue
        overlap_of(run, source, target, run.overlap, tested)


def check_names(run: Run, cards: Sequence[Path]) -> None:
    """Refuse two data sets of one name: results, tables and their files tell them apart by nothing else.

    Args:
        run: The run, whose source is one of them.
        cards: The data cards to test on.

    Raises:
        ConfigError: There are two.
    """
    places: dict[str, Path] = {}
    for card in (run.train, *cards):
        try:
            found = DataCard.read(card)
        except EgoshiftError:
            continue
        first = places.setdefault(found.name, card)
        if first.resolve() != card.resolve():
            raise ConfigError(
                f"{card}: this data set is called {found.name!r}, as that of {first} is, so that their results could "
                f"not be told apart; give a data card with another 'name: …', and with 'features: {found.features}' "
                "where its features are to stay"
            )


def overlap_of(
    run: Run, source: Opened, target: Opened, rule: OverlapRule, tested: pl.DataFrame | None = None
) -> Overlap:
    """What the clips that a run is tested on share with all that its model was trained on.

    That is the run's own training clips, and those of the models that it begins with and of its sensors' encoders.

    Args:
        run: The run.
        source: Its source.
        target: The data set to test on; may be the source.
        rule: Whether to refuse what must not be.
        tested: The clips to test on, if they are known already.

    Raises:
        ConfigError: They show the same moments, or videos that are in both data sets, and that is not allowed.
    """
    if tested is None:
        tested = target.everything_to_evaluate(trained_on=target is source)
    ours = Seen.of(target.card, tested, target.manifests)
    trained = [Seen.of(source.card, source.clips(*run.splits), source.manifests)]
    unknown = []
    for folder, seen in _earlier(run, set()):
        if seen is None:
            unknown.append(str(folder))
        else:
            trained.append(seen)
    found = [(seen, shared_with_training(seen.clips, ours.clips, seen.known_as, ours.known_as)) for seen in trained]
    if rule == "refuse":
        for seen, shared in found:
            _refuse(target.path, seen, ours, shared)
    moments = {moment.tested for _, shared in found for moment in shared.moments}
    videos = {video for _, shared in found for video in shared.videos}
    clips = ours.clips.filter(pl.col("video_id").is_in(list(videos)))
    return Overlap(videos=len(videos), clips=len(clips), moments=len(moments), unknown=tuple(sorted(unknown)))


def trained_on(provenance: Mapping[str, Any]) -> Iterator[Seen]:
    """What a model, and those that it began with, were trained on, as far as that is known here.

    Args:
        provenance: What the model says of its origin.
    """
    try:
        run, seen = _training_of(provenance)
    except (EgoshiftError, ValueError, KeyError):
        return
    yield seen
    yield from (earlier for _, earlier in _earlier(run, set()) if earlier is not None)


def recordings_of(opened: Opened, video_ids: Sequence[str]) -> list[str]:
    """Videos by one name each, whatever they are called: what lies in one file is one recording."""
    names = canonical(known_as(opened.card, opened.dataset.clips, opened.manifests))
    return [names[video] for video in video_ids]


def _refuse(place: Path, trained: Seen, tested: Seen, shared: Shared) -> None:
    remedy = "leave them out of one side, or allow it: train --set overlap=tell, evaluate --overlap tell"
    if shared.moments:
        raise ConfigError(
            f"{place}: {len(shared.moments)} of {len(tested.clips)} tested clips show moments that training on "
            f"{trained.name} saw, such as {_some(shared.moments)}; {remedy}"
        )
    if shared.videos and trained.name != tested.name:
        raise ConfigError(
            f"{place}: {shared.clips} of {len(tested.clips)} tested clips are of videos that training on "
            f"{trained.name}, another data set, saw, such as {_some(shared.videos)}; {remedy}"
        )


def _some(found: Sequence[Moment] | Sequence[str]) -> str:
    return ", ".join(map(str, found[:_NAMED])) + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")


def _earlier(run: Run, visited: set[Path]) -> Iterator[tuple[Path, Seen | None]]:
    """The models that a run begins with, and these with, and what each was trained on where that is known."""
    encoders = [stream.encoder for stream in run.streams.values() if sensor_of(stream.encoder) is not None]
    models = [Path(encoder.partition(":")[2]).expanduser() for encoder in encoders]
    for folder in [*run.start, *(model for model in models if (model / CONFIG_FILE).is_file())]:
        if folder.resolve() in visited:
            continue
        visited.add(folder.resolve())
        try:
            theirs, seen = _training_of(read_config(folder).provenance)
        except (EgoshiftError, ValueError, KeyError):
            yield folder, None
            continue
        yield folder, seen
        yield from _earlier(theirs, visited)


def _training_of(provenance: Mapping[str, Any]) -> tuple[Run, Seen]:
    """The run that a model is of, and the clips that it was trained on; fails where its data are not here."""
    run = Run.model_validate(provenance["run"])
    card = DataCard.read(path_of(provenance["card"]))
    clips = load_dataset(card, need_videos=False).clips.filter(pl.col("split").is_in(run.splits))
    return run, Seen.of(card, clips, list(_manifests_there(run, card)))


def _manifests_there(run: Run, card: DataCard) -> Iterator[Manifest]:
    """Of the stores that a run was trained on, those that still are where they were."""
    for encoder in dict.fromkeys(stream.encoder for stream in run.streams.values()):
        with suppress(EgoshiftError):
            yield Manifest.read(store_folder(card, encoder) / MANIFEST)
