"""Pictures to look at: what the sensors of a video say, and a sheet of frames of actions.

``python -m egoshift.world.sheets docs`` draws those of ``docs/world.md``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from egoshift.world.casts import SETS, write_cast
from egoshift.world.imu import measure
from egoshift.world.noises import SOUND_RATE_HZ, Samples
from egoshift.world.render import Renderer
from egoshift.world.script import Action, Script
from egoshift.world.sound import synthesise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_S = 30.0
"""How much of a video ``draw_sensors`` shows."""

WINDOW = 2048
HOP = 512

DOCS_SENSORS = ("home", 4)
"""The video whose sensors the documentation shows."""

_COLOURS = ("#d1495b", "#3a9a68", "#0b63b0")


def draw_sensors(script: Script, path: Path) -> None:
    """Draw what is heard and felt in the first seconds of a video, under the names of its actions.

    Args:
        script: The video.
        path: The picture's file, about 1200 by 700 pixels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), dpi=100, layout="constrained")
    heights = {"height_ratios": (2.4, 1, 1)}
    loud, push, spin = figure.subplots(3, 1, sharex=True, gridspec_kw=heights)
    _spectrogram(loud, synthesise(script))
    felt = measure(script)
    _curves(push, felt.times_s, felt.acceleration - felt.acceleration.mean(0), "accelerometer,\nless its mean\nm/s²")
    _curves(spin, felt.times_s, felt.rotation, "gyroscope\nrad/s")
    # The head turns a hundred times faster than it trembles, and both are to be seen.
    spin.set_yscale("symlog", linthresh=0.2, linscale=1.5)
    spin.set_yticks([-5, -1, -0.1, 0, 0.1, 1, 5], ["-5", "-1", "-0.1", "0", "0.1", "1", "5"])
    for number, action in enumerate(action for action in script.actions if action.start_s < SHOWN_S):
        _name(loud, action, number % 2)
        for axis in (push, spin):
            axis.axvspan(action.start_s, action.stop_s, color="#0b63b0", alpha=0.08, linewidth=0)
    push.legend(loc="lower right", bbox_to_anchor=(1, 0.96), ncols=3, fontsize=8, frameon=False)
    spin.set_xlabel("seconds")
    spin.set_xlim(0, min(SHOWN_S, script.duration_s))
    figure.savefig(path)


def draw_sheet(scripts: Sequence[Script], path: Path, columns: int = 4, rows: int = 4) -> None:
    """Draw frames out of the middle of actions, each with its verb and noun, in as many verbs as there are.

    Args:
        scripts: The videos to choose from, all of one size.
        path: The picture's file.
        columns: Frames side by side.
        rows: Frames below each other.
    """
    chosen = _choose(scripts, columns * rows)
    width, height = scripts[0].style.size
    caption, gap = 20, 4
    sheet = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + caption + gap) + gap), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    renderers = {index: Renderer(scripts[index]) for index in dict.fromkeys(index for index, _ in chosen)}
    for place, (index, action) in enumerate(chosen):
        left, top = gap + place % columns * (width + gap), gap + place // columns * (height + caption + gap)
        middle_s = action.start_s + 0.55 * (action.stop_s - action.start_s)
        picture, _ = renderers[index].frame(round(middle_s * scripts[index].style.rate_hz))
        sheet.paste(Image.fromarray(picture), (left, top))
        draw.text((left + 2, top + height + 1), f"{action.verb} {action.noun}", fill="black", font=font)
    sheet.save(path)


def _choose(scripts: Sequence[Script], count: int) -> list[tuple[int, Action]]:
    """Actions of all videos, one of each verb before a second of any, each video's in its turn."""
    longest = max(len(script.actions) for script in scripts)
    mixed = [(i, s.actions[n]) for n in range(longest) for i, s in enumerate(scripts) if n < len(s.actions)]
    seen: dict[str, int] = {}
    ranked: list[tuple[int, tuple[int, Action]]] = []
    for index, action in mixed:
        seen[action.verb] = seen.get(action.verb, -1) + 1
        ranked.append((seen[action.verb], (index, action)))
    return [pick for _, pick in sorted(ranked, key=lambda pair: pair[0])[:count]]


def _curves(axis: "Axes", times_s: np.ndarray, values: np.ndarray, label: str) -> None:
    shown = times_s < SHOWN_S
    for name, column, colour in zip("xyz", values[shown].T, _COLOURS, strict=True):
        axis.plot(times_s[shown], column, color=colour, linewidth=0.7, label=name)
    axis.set_ylabel(label)
    axis.grid(axis="y", alpha=0.3)


def _spectrogram(axis: "Axes", sound: Samples) -> None:
    """The power in bands of equal width on a logarithmic scale, from the lowest at the bottom up."""
    shown = sound[: round(SHOWN_S * SOUND_RATE_HZ)]
    frames = np.lib.stride_tricks.sliding_window_view(shown, WINDOW)[::HOP] * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (WINDOW / 4) ** 2
    edges_hz = np.geomspace(90, 16000, 181)
    edges = edges_hz * WINDOW / SOUND_RATE_HZ
    below = np.array([np.interp(edges, np.arange(power.shape[1]), row) for row in np.cumsum(power, axis=1)])
    decibels = 10 * np.log10(np.diff(below, axis=1) / np.diff(edges) + 1e-12)
    extent = (0.0, len(shown) / SOUND_RATE_HZ, 0.0, 180.0)
    axis.imshow(decibels.T, vmin=-95, vmax=-40, cmap="magma", origin="lower", aspect="auto", extent=extent)
    ticks = {"100": 100, "300": 300, "1k": 1000, "3k": 3000, "10k": 10000}
    axis.set_yticks(np.interp(list(ticks.values()), edges_hz, np.arange(181)), list(ticks))
    axis.set_ylabel("sound\nHz")


def _name(axis: "Axes", action: Action, level: int) -> None:
    """Write an action's name over its time; neighbours on two lines, so that they do not run into each other."""
    for edge_s in (action.start_s, action.stop_s):
        axis.axvline(edge_s, color="white", alpha=0.5, linewidth=0.8)
    middle_s = min((action.start_s + action.stop_s) / 2, SHOWN_S)
    axis.annotate(
        f"{action.verb} {action.noun}",
        (middle_s, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4 + 14 * level),
        textcoords="offset points",
        ha="center",
        fontsize=10,
    )


def draw_docs(folder: Path) -> None:
    """Draw a sheet of each data set of world 0, and one video's sensors."""
    for name in SETS:
        draw_sheet(write_cast(name, 0, 1.0), folder / f"world-{name}.jpg")
    name, number = DOCS_SENSORS
    draw_sensors(write_cast(name, 0, 1.0)[number], folder / "world-sensors.png")


if __name__ == "__main__":
    draw_docs(Path(sys.argv[1]))
