"""Timelines of EgoWorld's videos held against what really happens in them: segmental F1 at an overlap of one half.

X-MIC and zero-shot CLIP on hand crops are trained on *kitchen*; then whole videos that nothing was trained on, of
*kitchen* (within) and of *home* (across), become timelines by ``Predictor.predict`` as a person would call it, with the
hand detections. The threshold below which a stretch is background is the best of eleven on *kitchen*'s training videos,
so that no tested video decides it; that it is judged on merged segments was decided with these scores in view. The same
segments are also judged one by one (``segments=``), which is what a timeline could reach if its boundaries were right.

``python -m benchmarks.timeline [FOLDER]`` keeps the world and the runs in a folder and goes on from them.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from benchmarks.report import report
from egoshift.datasets import DataCard, load_dataset
from egoshift.evaluation.segmentation import SegmentCounts, Span, added, segment_counts
from egoshift.prediction import Predictor, Timeline
from egoshift.recipes import fill_store, train
from egoshift.recipes.egoworld import ENCODER, egoworld_settings
from egoshift.recipes.xmic import xmic, zero_shot_hand
from egoshift.records import Dataset, Label
from egoshift.world import write_world

THRESHOLDS = [k / 20 for k in range(11)]
TUNING_VIDEOS = 5


def prepared(folder: Path) -> dict[str, Path]:
    """The world and the trained runs, made where absent: folder by name."""
    cards = [folder / f"{name}.yaml" for name in ("kitchen", "home")]
    if not all(card.exists() for card in cards):
        write_world(folder, sets=("kitchen", "home"), sensors=False)
    fill_store(DataCard.read(cards[0]), ENCODER)
    runs = {}
    for make in (xmic, zero_shot_hand):
        run = egoworld_settings(make(cards[0], ()))
        runs[run.name] = folder / "runs" / run.name
        if not (runs[run.name] / "models").exists():
            train(run, runs[run.name])
    return runs


class Videos:
    """The videos of some splits of a data set, with their truth."""

    def __init__(self, card: Path, splits: Sequence[str], limit: int | None = None):
        self.card = DataCard.read(card)
        self.data: Dataset = load_dataset(self.card)
        self.clips = self.data.clips.filter(pl.col("split").is_in(splits))
        self.names = sorted(set(self.clips["video_id"]))[:limit]

    def truth(self, video: str, label: Label) -> list[Span]:
        """The annotated segments of one video."""
        names = self.data.vocabularies
        rows = self.clips.filter(pl.col("video_id") == video).sort("start_s").iter_rows(named=True)
        spans = []
        for row in rows:
            verb, noun = names["verb"].names[row["verb"]], names["noun"].names[row["noun"]]
            name = {"verb": verb, "noun": noun, "action": f"{verb} {noun}"}[label]
            spans.append(Span(name, row["start_s"], row["stop_s"]))
        return spans

    def timelines(
        self, predictor: Predictor, cache: Path, *, threshold: float = 0.0, given: bool = False
    ) -> dict[str, Timeline]:
        """A timeline of each video, among the data set's own classes."""
        vocabularies = self.data.vocabularies
        made = {}
        for video in self.names:
            spans = [(span.start_s, span.stop_s) for span in self.truth(video, "noun")]
            made[video] = predictor.predict(
                self.data.videos[video],
                verbs=vocabularies["verb"].names,
                nouns=vocabularies["noun"].names,
                hands=self.card.hands,
                hands_format=self.card.hands_format,
                cache=cache,
                segments=spans if given else None,
                threshold=threshold,
            ).timeline
        return made

    def counts(self, timelines: dict[str, Timeline], label: Label) -> SegmentCounts:
        """How many segments were right."""
        return added(
            segment_counts(
                [
                    Span(segment.name, segment.start_s, segment.stop_s)
                    for segment in timelines[video].tracks[label]
                    if not segment.is_background
                ],
                self.truth(video, label),
            )
            for video in self.names
        )


def main() -> None:
    """Print one line for each run, kind of label and data set."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        runs = prepared(folder)
        tuning = Videos(folder / "kitchen.yaml", ("train",), TUNING_VIDEOS)
        tests = {
            "kitchen": Videos(folder / "kitchen.yaml", ("val",)),
            "home": Videos(folder / "home.yaml", ("val",)),
        }
        for name, run in runs.items():
            predictor = Predictor.from_pretrained(run)
            cache = folder / "cache"
            tuned = {value: tuning.timelines(predictor, cache, threshold=value) for value in THRESHOLDS}
            known = {target: videos.timelines(predictor, cache, given=True) for target, videos in tests.items()}
            plain = {target: videos.timelines(predictor, cache) for target, videos in tests.items()}
            labels: tuple[Label, ...] = ("verb", "noun", "action")
            for label in labels:
                threshold = max(THRESHOLDS, key=lambda value: tuning.counts(tuned[value], label).f1)
                for target, videos in tests.items():
                    counts = videos.counts(videos.timelines(predictor, cache, threshold=threshold), label)
                    report(
                        f"timeline-{name}-{label}-{target}",
                        counts.f1,
                        "% segmental F1 at an overlap of one half",
                        "reported",
                        "python -m benchmarks.timeline",
                        threshold=threshold,
                        no_threshold=round(videos.counts(plain[target], label).f1, 2),
                        boundaries_given=round(videos.counts(known[target], label).f1, 2),
                        videos=len(videos.names),
                        **counts._asdict(),
                    )


if __name__ == "__main__":
    main()
