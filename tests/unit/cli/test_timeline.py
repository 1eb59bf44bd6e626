"""The timeline in the terminal: it fits, reads without colours, and is plain rows for other programs."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from egoshift.cli.cells import clock, plain, shown
from egoshift.cli.timeline import LETTERS, LINE, MARGIN, MOST_ROWS, QUIET, timeline_view
from egoshift.prediction import Timeline
from egoshift.prediction.colours import PALETTE
from tests.unit.prediction.timelines import HARD_NAMES, hard, kitchen, segment, timeline, timelines


def printed(each: Timeline, width: int, *, terminal: bool = True, colours: bool = False) -> str:
    console = Console(
        width=width,
        file=io.StringIO(),
        force_terminal=terminal,
        color_system="truecolor" if colours else None,
        soft_wrap=True,  # as egoshift.cli.console.answers has it
        highlight=False,
    )
    console.print(timeline_view(each, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def bands(text: str) -> dict[str, str]:
    """The cells of each band by its label."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        found.setdefault(line[:MARGIN].strip(), line[MARGIN:])
    return found


@pytest.mark.parametrize("width", [60, 80, 133, 200])
@pytest.mark.parametrize("each", [kitchen(), hard()])
def test_it_fits_the_width_and_no_line_is_broken(each, width):
    lines = printed(each, width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert next(line for line in lines if line.startswith(tuple(each.tracks))).count(LETTERS[0]) >= 1
    assert sum(" \N{EN DASH} " in line for line in lines) == sum(
        not segment.is_background for track in each.tracks.values() for segment in track
    )


@given(timelines(), st.integers(1, 260))
@settings(max_examples=100, deadline=None)
def test_any_timeline_fits_any_width(each, width):
    text = printed(each, max(width, 40))
    assert max(map(cell_len, text.splitlines())) <= min(max(width, 40), 200)
    assert "\x1b" not in text


def slow_band(each: Timeline, label: str, cells: int, grain: int = 50) -> list[str]:
    """The name seen most often at moments spread evenly over each cell."""
    made = []
    for cell in range(cells):
        seen: dict[str, int] = {}
        for moment in range(grain):
            time_s = (cell + (moment + 0.5) / grain) / cells * each.duration_s
            names = [s.name for s in each.tracks[label] if s.start_s <= time_s < s.stop_s]  # type: ignore[index]
            for name in names:
                seen[name] = seen.get(name, 0) + 1
        made.append(max(seen, key=lambda name: seen[name]) if seen else "nothing")
    return made


def test_bands_show_what_leads_in_each_cell():
    each = kitchen()
    shown_bands = bands(printed(each, 80))
    letters = {"verb": {"wash": "A", "cut": "B", "take": "C"}, "noun": {"cutting board": "A", "onion": "B"}}
    for label in ("verb", "noun"):
        names = slow_band(each, label, 80 - MARGIN)
        expected = [
            QUIET if not name else letters[label][name] if name != before else LINE
            for name, before in zip(names, [None, *names[:-1]], strict=True)
        ]
        assert shown_bands[label] == "".join(expected)


def test_what_was_not_looked_at_is_blank_and_said():
    each = timeline({"verb": (segment(0, 10, "take"),)}, duration_s=40, partial=True)
    text = printed(each, 80)
    assert text.splitlines()[0] == "kitchen.mp4  0:10 of 0:40, partial"
    assert bands(text)["verb"].rstrip() == "A" + LINE * 17


def test_times_stand_under_their_cells():
    axis = next(line for line in printed(kitchen(), 80).splitlines() if line.startswith(" " * MARGIN + "0:00"))
    for seconds in range(0, 19, 2):
        assert axis.index(f"0:{seconds:02d}") == MARGIN + round(seconds / 20 * (80 - MARGIN))


@pytest.mark.parametrize(
    ("time_s", "decimals", "text"),
    [(0, 0, "0:00"), (59.96, 1, "1:00.0"), (3599.94, 1, "59:59.9"), (3600, 0, "1:00:00"), (40_000.25, 1, "11:06:40.2")],
)
def test_times_are_written_as_a_clock_does(time_s, decimals, text):
    assert clock(time_s, decimals) == text


def test_it_reads_without_colours():
    text = printed(kitchen(), 100)
    assert " A  wash   B  cut   C  take" in text
    assert "0:04.0 \N{EN DASH} 0:09.5  B cut" in text
    row = next(line for line in text.splitlines() if "B cut" in line and "\N{EN DASH}" in line)
    assert row.split()[-3:] == ["92%", "other", "8%"]
    assert row.count("\N{BOX DRAWINGS HEAVY HORIZONTAL}") == 9


def test_colours_are_those_of_the_overlay():
    text = printed(kitchen(), 100, colours=True)
    red, green, blue = PALETTE[0]
    assert f"\x1b[38;2;0;0;0;48;2;{red};{green};{blue}mA" in text


def test_without_a_terminal_there_is_a_plain_row_a_segment():
    assert printed(kitchen(), 60, terminal=False).splitlines() == [
        "verb        0.000      4.000 0.750 take",
        "verb        4.000      9.500 0.920 cut",
        "verb       12.000     20.000 0.750 wash",
        "noun        2.000      9.500 0.600 onion",
        "noun        9.500     20.000 0.880 cutting board",
    ]


def test_plain_rows_are_never_cut_or_broken():
    name = "a " * 200 + "z"
    long = timeline({"action": (segment(0, 1, name), *hard().tracks["action"][1:])})
    rows = printed(long, 60, terminal=False).splitlines()
    assert [row[35:] for row in rows] == [" ".join(each.split()) for each in (name, *HARD_NAMES[1:])]


def test_names_cannot_steer_the_terminal_or_be_taken_for_markup():
    wild = "[red]take\x1b[2J\x07\u202ecup\x9b"
    assert plain(wild) == "[red]take [2J cup"
    for terminal in (True, False):
        text = printed(timeline({"verb": (segment(0, 1, wild),)}), 100, terminal=terminal)
        assert "[red]take [2J cup" in text
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(text)


def test_names_are_cut_by_cells_not_by_letters():
    assert shown("水を注ぐボウル", 8) == "水を注\N{HORIZONTAL ELLIPSIS}"
    assert cell_len(shown("👩‍🍳 cook 🍎🍎🍎", 9)) <= 9
    assert shown("לקחת כוס", 20) == "\u200eלקחת כוס\u200e"
    assert shown("take", 4) == "take"


def test_many_classes_and_segments_are_counted_not_dropped():
    many = tuple(segment(index, index + 1, f"class {index}") for index in range(60))
    text = printed(timeline({"noun": many}), 100)
    assert f" +  {60 - len(LETTERS)} others" in text
    assert f"and {60 - MOST_ROWS} more, which files hold (--format csv)" in text
    assert len(printed(timeline({"noun": many}), 100, terminal=False).splitlines()) == 60


@pytest.mark.parametrize("each", [timeline({}), timeline({"verb": ()}), timeline({"noun": (segment(0, 3, ""),)})])
def test_a_timeline_that_says_nothing_is_shown(each):
    assert printed(each, 80).startswith("kitchen.mp4  0:0")
    assert printed(each, 80, terminal=False) == ""
    if each.tracks:
        assert "nothing is sure enough" in printed(each, 80)
