"""The last step of every reader: check the rows, derive actions, place the videos, make the data set."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import Sieve
from egoshift.errors import DataError, Fault
from egoshift.records import CLIP_SCHEMA, Dataset, Label, SensorFile, Vocabulary

Sensors = Mapping[str, Mapping[str, SensorFile]]
"""Where each sensor's file lies, by video and by sensor."""


def assemble(
    card: DataCard,
    rows: pl.DataFrame,
    vocabularies: Mapping[Label, Vocabulary],
    media: Mapping[str, Path],
    rates_hz: Mapping[str, float],
    *,
    faults: Sequence[Fault],
    num_annotated: int,
    need_videos: bool,
    sensors: Sensors | None = None,
    novel_classes: Mapping[Label, tuple[int, ...]] | None = None,
) -> Dataset:
    """A data set from typed rows.

    Args:
        card: Name, frame rate and window.
        rows: ``CLIP_SCHEMA`` (``action`` may be absent) and ``entry``; times are there, labels may be unknown.
        vocabularies: Verbs and nouns; actions where the data set has official ones.
        media: Where each video lies.
        rates_hz: The rate at which a video's frames are numbered, where it is known.
        faults: Those found so far.
        num_annotated: Clips in the annotation files, before any was left out.
        need_videos: Leave out clips whose video is not there, unless another sensor of it is.
        sensors: Where each sensor's file lies, for data sets of several sensors.
        novel_classes: The classes that are for few-shot tests only.

    Raises:
        DataError: Videos are needed, and none of them is there.
    """
    sensors = sensors or {}
    sieve = Sieve(rows)
    check_times(sieve)
    for label, vocabulary in vocabularies.items():
        check_classes(sieve, label, vocabulary)
    check_ids(sieve)
    rows, found = sieve.kept, [*faults, *sieve.faults]
    if "action" not in vocabularies and {"verb", "noun"} <= set(vocabularies):
        rows, actions = with_actions(rows, vocabularies["verb"], vocabularies["noun"])
        vocabularies = {**vocabularies, "action": actions}
    rates_hz = _rates(card, rows, media, rates_hz)
    if need_videos:
        rows, media, video_faults = _with_videos(card, rows, media, sensors, rates_hz)
        sensors = {video: _with_pictures(files, media.get(video)) for video, files in sensors.items()}
        found += video_faults
    clips = middle(rows, card.window_s).select(CLIP_SCHEMA.names()).cast(CLIP_SCHEMA)
    used = sorted(set(clips["video_id"]))
    return Dataset(
        name=card.name,
        clips=clips,
        vocabularies=vocabularies,
        videos={video: media[video] for video in used if video in media},
        frame_rates_hz={video: rates_hz[video] for video in used if video in rates_hz},
        faults=tuple(found),
        num_annotated=num_annotated,
        sensors={video: sensors[video] for video in used if sensors.get(video)},
        novel_classes=novel_classes or {},
    )


def check_times(sieve: Sieve) -> None:
    """Marks rows that do not stop after they start."""
    message = pl.format("stops at {} s but starts at {} s", pl.col("stop_s").round(3), pl.col("start_s").round(3))
    sieve.check(pl.col("stop_s") <= pl.col("start_s"), "swapped-times", message, "exchange or correct the two times")


def check_classes(sieve: Sieve, label: Label, vocabulary: Vocabulary) -> None:
    """Marks rows whose class index is outside the vocabulary."""
    message = pl.format("{} class {} is unknown, expected 0 to {}", pl.lit(label), label, len(vocabulary) - 1)
    bad = ~pl.col(label).is_between(0, len(vocabulary) - 1)
    sieve.check(bad, "unknown-class", message, "correct it, or use the class list that belongs to this file")


def check_ids(sieve: Sieve) -> None:
    """Marks rows whose clip id came before."""
    message = pl.format("clip {} is already defined above", "clip_id")
    sieve.check(~pl.col("clip_id").is_first_distinct(), "duplicate-clip", message, "remove one of the two")


def with_actions(rows: pl.DataFrame, verbs: Vocabulary, nouns: Vocabulary) -> tuple[pl.DataFrame, Vocabulary]:
    """Rows with an ``action`` index, and the actions: every pair that occurs, in the order of verb, then noun.

    Args:
        rows: Rows of all splits, with ``verb`` and ``noun``; null where not annotated.
        verbs: The verb classes.
        nouns: The noun classes.
    """
    pairs = rows.select("verb", "noun").drop_nulls().unique().sort("verb", "noun").with_row_index("action")
    pairs = pairs.with_columns(pl.col("action").cast(pl.Int64))
    named = [(verbs.names[verb], nouns.names[noun]) for verb, noun in pairs.select("verb", "noun").iter_rows()]
    times_used = Counter(" ".join(pair) for pair in named)
    # "turn" + "on light" and "turn on" + "light" read the same; such pairs keep a mark between their halves.
    names = [(" " if times_used[" ".join(pair)] == 1 else " | ").join(pair) for pair in named]
    columns = [name for name in rows.columns if name != "action"]
    rows = rows.select(columns).join(pairs, on=["verb", "noun"], how="left", maintain_order="left")
    return rows, Vocabulary("action", tuple(names))


def middle(clips: pl.DataFrame, window_s: float | None) -> pl.DataFrame:
    """Clips cut to their middle ``window_s`` seconds; shorter ones, or all without a window, stay whole."""
    if window_s is None:
        return clips
    centre = (pl.col("start_s") + pl.col("stop_s")) / 2
    long = pl.col("stop_s") - pl.col("start_s") > window_s
    return clips.with_columns(
        start_s=pl.when(long).then(centre - window_s / 2).otherwise("start_s"),
        stop_s=pl.when(long).then(centre + window_s / 2).otherwise("stop_s"),
    )


def _rates(
    card: DataCard, rows: pl.DataFrame, media: Mapping[str, Path], rates_hz: Mapping[str, float]
) -> Mapping[str, float]:
    """The card's rate holds for all folders of frames; a file keeps the rate of its annotations."""
    if card.frame_rate_hz is None:
        return rates_hz
    folders = [video for video in set(rows["video_id"]) if video in media and media[video].is_dir()]
    return {**rates_hz, **dict.fromkeys(folders, card.frame_rate_hz)}


def _with_videos(
    card: DataCard, rows: pl.DataFrame, media: Mapping[str, Path], sensors: Sensors, rates_hz: Mapping[str, float]
) -> tuple[pl.DataFrame, Mapping[str, Path], list[Fault]]:
    """Rows whose video can be read, or of which another sensor is there; such videos; one fault for each other one."""
    videos = rows.group_by("video_id", maintain_order=True).agg(pl.first("file", "row"), clips=pl.len())
    missing = {video for video in videos["video_id"] if video not in media and not sensors.get(video)}
    if missing and len(missing) == len(videos):
        message = f"none of the {len(videos)} videos of the annotations is here, such as {videos['video_id'][0]!r}"
        raise DataError([Fault("no-videos", card.videos, message, "correct 'videos' in the data card")])
    present = [video for video in videos["video_id"] if video in media]
    rateless = {video for video in present if media[video].is_dir() and video not in rates_hz}
    faults = []
    for video, file, row, clips in videos.iter_rows():
        if video in missing:
            message = f"video {video!r} ({clips} clips) is not in {card.videos}"
            faults.append(Fault("missing-video", Path(file), message, "put it there, or remove its rows", row))
        elif video in rateless:
            message = f"the frames of video {video!r} ({clips} clips) have no known rate"
            faults.append(Fault("unknown-rate", media[video], message, "set frame_rate_hz in the data card"))
    silent = {video for video in rateless if not sensors.get(video, {}).keys() - {"video"}}
    usable = {video: path for video, path in media.items() if video not in rateless}
    return rows.filter(~pl.col("video_id").is_in([*missing, *silent])), usable, faults


def _with_pictures(files: Mapping[str, SensorFile], path: Path | None) -> Mapping[str, SensorFile]:
    """The sensors of a recording, without pictures that FFmpeg reads but that cannot be used."""
    return {name: file for name, file in files.items() if name != "video" or file.layout != "av" or file.path == path}
