"""Segmental F1 against the slow way, and what it is to punish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoshift.evaluation.segmentation import SegmentCounts, Span, added, segment_counts

times = st.integers(0, 20)
spans = st.lists(
    st.builds(
        lambda name, start, length: Span(name, start / 2, (start + length) / 2),
        st.sampled_from("ab"),
        times,
        st.integers(1, 8),
    ),
    max_size=6,
)


def slow(predicted: list[Span], annotated: list[Span], overlap: float) -> SegmentCounts:
    used: set[int] = set()
    hits = 0
    for guess in sorted(predicted, key=lambda span: (span.start_s, span.stop_s)):
        best, best_share = None, -1.0
        for index, truth in enumerate(annotated):
            if truth.name != guess.name:
                continue
            # Counted in quarter seconds rather than by arithmetic on the ends; these spans do not touch by less.
            ours = {k for k in range(200) if guess.start_s <= k / 4 < guess.stop_s}
            theirs = {k for k in range(200) if truth.start_s <= k / 4 < truth.stop_s}
            share = len(ours & theirs) / len(ours | theirs)
            if share > best_share:
                best, best_share = index, share
        if best is not None and best_share >= overlap and best not in used:
            used.add(best)
            hits += 1
    return SegmentCounts(hits, len(predicted), len(annotated))


@given(spans, spans, st.sampled_from([0.1, 0.25, 0.5]))
def test_counts_are_those_of_the_slow_way(predicted, annotated, overlap):
    assert segment_counts(predicted, annotated, overlap) == slow(predicted, annotated, overlap)


def test_pieces_are_punished_and_perfection_is_one_hundred():
    truth = [Span("cut", 0, 4), Span("stir", 4, 8)]
    assert segment_counts(truth, truth).f1 == 100
    pieces = [Span("cut", k, k + 1) for k in range(4)] + [Span("stir", 4, 8)]
    counts = segment_counts(pieces, truth)
    assert counts == (1, 5, 2)
    assert counts.f1 == pytest.approx(200 / 7)
    assert segment_counts([], truth).f1 == 0
    assert segment_counts([], []).f1 == 0


def test_one_annotated_segment_is_found_once():
    assert segment_counts([Span("cut", 0, 3), Span("cut", 0.5, 3)], [Span("cut", 0, 3)]).hits == 1


def test_counts_of_recordings_are_added():
    assert added([SegmentCounts(1, 2, 3), SegmentCounts(2, 2, 2)]) == (3, 4, 5)
    assert added([]) == (0, 0, 0)
