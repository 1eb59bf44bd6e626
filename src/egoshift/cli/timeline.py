"""A timeline in the terminal: bands of letters and colours over time, then what they stand for, segment by segment."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from egoshift.cli.cells import clock, plain, shown
from egoshift.prediction.colours import OTHER, PALETTE, RGB, ranked
from egoshift.prediction.timeline import BACKGROUND, Guess, Segment, Timeline
from egoshift.records import LABELS, Label

NARROWEST, WIDEST = 40, 200

MARGIN = 8
"""Columns before the bands, for the kind of label."""

LETTERS = "ABCDEFGHIJ"
"""Stand for the classes that lead longest, as the colours do; all further ones share the next sign."""

OTHERS, QUIET, LINE = "+", "\N{MIDDLE DOT}", "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
FULL = "\N{BOX DRAWINGS HEAVY HORIZONTAL}"
BAR_WIDTH, NUMBER_WIDTH, GAP = 10, 5, 2

ROOM_FOR_BARS, LEAST_GUESS = 76, 9
"""In fewer columns names have the room of the bars; in less room the runner-up is left out."""

DIM = Style(dim=True)

MOST_ROWS = 40
"""How many segments of a track a terminal is shown; files hold them all."""

LONGEST_LEGEND = 26
"""Cells of a class's name in the legend."""

STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200)


@dataclass(frozen=True)
class TimelineView:
    """What ``timeline_view`` gives; see there."""

    timeline: Timeline
    width: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Bands, legend and tables for a terminal; a row a segment for anything else."""
        if not options.is_terminal:
            yield from _plain_rows(self.timeline)
            return
        timeline, labels = self.timeline, _labels(self.timeline)
        yield _title(timeline, self.width)
        if not labels:
            return
        cells = self.width - MARGIN
        marks = {label: _marks(timeline.tracks[label]) for label in labels}
        for label in labels:
            yield _margin(label) + _band(timeline, label, cells, marks[label])
        yield Text(" " * MARGIN + _axis(timeline.duration_s, cells), style=DIM, no_wrap=True)
        for label in labels:
            yield from _legend(label, marks[label], self.width)
        for label in labels:
            if any(not segment.is_background for segment in timeline.tracks[label]):
                yield Text("")
                yield _table(label, timeline.tracks[label], marks[label], self.width)


def timeline_view(timeline: Timeline, width: int) -> TimelineView:
    """A timeline to print.

    In a terminal: per kind of label a band in which each class has a letter and a colour, a time axis, the legend, and
    tables of segments with their confidence and the runner-up; at most ``MOST_ROWS`` a track, and how many more there
    are. It reads without colours. Anywhere else: one row a segment, ``label start stop confidence name``, all of them;
    only a console with ``soft_wrap`` leaves long ones whole.

    Args:
        timeline: What was recognised.
        width: How many columns there are; the view has 40 to 200.
    """
    return TimelineView(timeline, min(max(width, NARROWEST), WIDEST))


def _labels(timeline: Timeline) -> list[Label]:
    return [label for label in LABELS if label in timeline.tracks]


def _title(timeline: Timeline, width: int) -> Text:
    length = clock(timeline.duration_s)
    if timeline.partial:
        length = f"{clock(timeline.covered_s)} of {length}, partial"
    name = shown(timeline.video, max(8, width - len(length) - 2))
    return Text.assemble((name, "bold"), "  ", length, no_wrap=True)


def _margin(label: str = "") -> Text:
    return Text.assemble((f"{label:<{MARGIN}}", DIM), no_wrap=True)


def _marks(track: Sequence[Segment]) -> Mapping[str, tuple[str, RGB]]:
    """The letter and colour of each class of a track, the class that leads longest first."""
    signs = [*zip(LETTERS, PALETTE, strict=True)]
    return {name: signs[place] if place < len(signs) else (OTHERS, OTHER) for place, name in enumerate(ranked(track))}


def _band(timeline: Timeline, label: Label, cells: int, marks: Mapping[str, tuple[str, RGB]]) -> Text:
    """A track as one cell after another: the letter where a class begins to lead, then a line as long as it does."""
    band, before = Text(no_wrap=True), None
    for name in _leaders(timeline.tracks[label], timeline.duration_s, cells):
        if name is None:
            band.append(" ")
        elif name == BACKGROUND:
            band.append(QUIET, DIM)
        else:
            letter, colour = marks[name]
            # The line has the colour of its ground: unseen, and all there is to see where there are no colours.
            begins = name != before
            ink = (0, 0, 0) if begins else colour
            band.append(letter if begins else LINE, f"{_rgb(ink)} on {_rgb(colour)}")
        before = name
    return band


def _leaders(track: Iterable[Segment], duration_s: float, cells: int) -> list[str | None]:
    """Per cell the name that has most of its time; none where nothing could be read."""
    shares: list[dict[str, float]] = [{} for _ in range(cells)]
    cell_s = max(duration_s, 1e-9) / cells
    for segment in track:
        first, last = int(segment.start_s / cell_s), int(segment.stop_s / cell_s)
        for cell in range(max(first, 0), min(last + 1, cells)):
            inside_s = min(segment.stop_s, (cell + 1) * cell_s) - max(segment.start_s, cell * cell_s)
            if inside_s > 0:
                shares[cell][segment.name] = shares[cell].get(segment.name, 0.0) + inside_s
    return [max(share, key=lambda name: share[name]) if share else None for share in shares]


def _axis(duration_s: float, cells: int) -> str:
    """Times under the cells at which they are, as close as they fit."""
    widest = len(clock(duration_s)) + 3
    step_s = next((step for step in STEPS_S if step * cells >= widest * duration_s), STEPS_S[-1])
    decimals = 1 if step_s < 1 else 0
    line = ""
    for number in range(int(duration_s / step_s + 1e-9) + 1):
        text, column = clock(number * step_s, decimals), round(number * step_s / max(duration_s, 1e-9) * cells)
        if column + len(text) <= cells and (column > len(line) or not line):
            line = line.ljust(column) + text
    return line


def _legend(label: Label, marks: Mapping[str, tuple[str, RGB]], width: int) -> Iterator[Text]:
    """What letters and colours stand for, in as many lines as it takes."""
    items = [
        Text.assemble((f" {letter} ", f"{_rgb((0, 0, 0))} on {_rgb(colour)}"), f" {shown(name, LONGEST_LEGEND)}")
        for name, (letter, colour) in marks.items()
        if letter != OTHERS
    ]
    if others := len(marks) - len(items):
        items.append(Text.assemble((f" {OTHERS} ", f"{_rgb((0, 0, 0))} on {_rgb(OTHER)}"), f" {others} others"))
    line = _margin(label)
    for item in items or [Text.assemble(("nothing is sure enough", DIM))]:
        if line.cell_len == MARGIN:
            line = line + item
        elif line.cell_len + GAP + item.cell_len <= width:
            line = line + Text(" " * GAP) + item
        else:
            yield line
            line = _margin() + item
    yield line


def _table(label: Label, track: Sequence[Segment], marks: Mapping[str, tuple[str, RGB]], width: int) -> Group:
    """The segments of a track that have a name, as many as a terminal is to be shown."""
    segments = [segment for segment in track if not segment.is_background]
    span = 2 * len(clock(max(segment.stop_s for segment in segments), 1)) + 3
    bar = BAR_WIDTH if width >= ROOM_FOR_BARS else 0
    rest = width - span - (bar + NUMBER_WIDTH) - 3 * GAP
    longest = max(cell_len(plain(segment.name)) for segment in segments[:MOST_ROWS]) + 2
    second_width = max(rest * 2 // 5, LEAST_GUESS) if rest >= 2 * LEAST_GUESS else 0
    name_width = min(longest, rest - second_width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    columns = {
        label: span,
        "": name_width,
        "confidence" if bar else "sure": bar + NUMBER_WIDTH,
        "runner-up": second_width,
    }
    for heading, cells in columns.items():
        if cells:
            table.add_column(heading, width=cells, no_wrap=True)
    for segment in segments[:MOST_ROWS]:
        letter, colour = marks[segment.name]
        times = f"{clock(segment.start_s, 1)} \N{EN DASH} {clock(segment.stop_s, 1)}"
        name = Text.assemble((letter, _rgb(colour)), f" {shown(segment.name, name_width - 2)}")
        row = [Text(times.rjust(span)), name, _bar(segment.confidence, colour, bar)]
        if second_width and len(segment.guesses) > 1:
            row.append(Text(_guess(segment.guesses[1], second_width), style=DIM))
        table.add_row(*row)
    more = len(segments) - MOST_ROWS
    lines = [Text(f"and {more} more, which files hold (--format csv)", style=DIM)] if more > 0 else []
    return Group(table, *lines)


def _guess(guess: Guess, width: int) -> str:
    ending = f" {guess.confidence:.0%}"
    return shown(guess.name, width - len(ending)) + ending


def _bar(confidence: float, colour: RGB, width: int) -> Text:
    filled = round(confidence * width)
    return Text.assemble(
        (FULL * filled, _rgb(colour)), (LINE * (width - filled), DIM), f"{confidence:{NUMBER_WIDTH}.0%}"
    )


def _plain_rows(timeline: Timeline) -> Iterator[Text]:
    """One row a segment with a name, for other programs: the name is last, as it may have spaces."""
    for label in _labels(timeline):
        for each in timeline.tracks[label]:
            if not each.is_background:
                times = f"{each.start_s:10.3f} {each.stop_s:10.3f}"
                line = f"{label:<6} {times} {each.confidence:.3f} {plain(each.name)}"
                yield Text(line, no_wrap=True, overflow="ignore")


def _rgb(colour: RGB) -> str:
    return f"rgb({colour[0]},{colour[1]},{colour[2]})"
