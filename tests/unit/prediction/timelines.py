"""Timelines to write, show and draw: a plain one, a hard one, and hypothesis's."""

from hypothesis import strategies as st

from egoshift.prediction import Guess, Segment, Timeline
from egoshift.records import LABELS, Label

HARD_NAMES = (
    "take cup",
    'cut "red, ripe" onion',
    "לקחת כוס",
    "🍎 wash 👩‍🍳",
    "two\nlines",
    "a\r\nb",
    "<b>open</b> & close --> {\\an8} lid",
    "水を注ぐ",
    "12",
)
"""Class names that one format or another trips over."""


def segment(start_s: float, stop_s: float, name: str, confidence: float = 0.75, second: str = "other") -> Segment:
    guesses = (Guess(name=name or "unsure", confidence=confidence), Guess(name=second, confidence=1 - confidence))
    return Segment(start_s=start_s, stop_s=stop_s, name=name, guesses=guesses)


def timeline(
    tracks: dict[Label, tuple[Segment, ...]],
    *,
    duration_s: float | None = None,
    partial: bool = False,
    video: str = "kitchen.mp4",
    notices: tuple[str, ...] = (),
) -> Timeline:
    end_s = max((each.stop_s for track in tracks.values() for each in track), default=0.0)
    classes = {
        label: tuple(dict.fromkeys(guess.name for each in track for guess in each.guesses))
        for label, track in tracks.items()
    }
    return Timeline(
        video=video,
        duration_s=end_s if duration_s is None else duration_s,
        covered_s=end_s,
        model="runs/demo",
        classes=classes,
        tracks=tracks,
        window_s=2.0,
        stride_s=0.5,
        partial=partial,
        notices=notices,
    )


def kitchen() -> Timeline:
    """Verbs and nouns of 20 seconds, with background between."""
    verbs = (segment(0, 4, "take"), segment(4, 9.5, "cut", 0.92), segment(9.5, 12, "", 0.2), segment(12, 20, "wash"))
    nouns = (segment(0, 2, "", 0.1), segment(2, 9.5, "onion", 0.6), segment(9.5, 20, "cutting board", 0.88))
    return timeline({"verb": verbs, "noun": nouns})


def hard() -> Timeline:
    """A segment for each of ``HARD_NAMES``, with gaps between them."""
    return timeline({"action": tuple(segment(i, i + 0.5, name) for i, name in enumerate(HARD_NAMES))})


@st.composite
def tracks(draw: st.DrawFn) -> tuple[Segment, ...]:
    """Segments one after another from anywhere in a day on, with gaps, background and durations near none."""
    now_s = draw(st.floats(0, 90_000, allow_nan=False))
    made = []
    for _ in range(draw(st.integers(0, 6))):
        now_s += draw(st.sampled_from([0.0, 0.0, 0.0004, 0.25, 7.3]))
        stop_s = now_s + draw(st.floats(1e-4, 3))
        name = draw(st.one_of(st.sampled_from(["", "take", "cut", *HARD_NAMES]), st.text(max_size=8)))
        made.append(segment(now_s, stop_s, name, draw(st.floats(0, 1)), draw(st.text(max_size=5))))
        now_s = stop_s
    return tuple(made)


def timelines() -> st.SearchStrategy[Timeline]:
    """Timelines of any of the tracks."""
    return st.builds(
        timeline,
        st.dictionaries(st.sampled_from(LABELS), tracks()),
        partial=st.booleans(),
        video=st.sampled_from(["a.mp4", "ordner/größe 1.MKV", "🎥.mov"]),
        notices=st.lists(st.text(max_size=20), max_size=2).map(tuple),
    )
