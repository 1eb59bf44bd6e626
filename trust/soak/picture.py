"""The picture of what was held over time."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from egoshift.files import write_atomically
from trust.soak.watch import Held


def draw(series: Mapping[str, Sequence[Held]], file: Path) -> None:
    """Memory above, open handles below; one line a process."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    memory, handles = figure.subplots(2, 1, sharex=True)
    for name, of in series.items():
        minutes = [one.minute for one in of]
        memory.plot(minutes, [one.MiB for one in of], label=name, linewidth=1)
        handles.plot(minutes, [one.handles for one in of], label=name, linewidth=1)
    memory.set_ylabel("memory, MiB")
    handles.set_ylabel("open handles")
    handles.set_xlabel("minutes under load")
    for axes in (memory, handles):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    memory.legend(frameon=False, loc="lower right", ncols=2)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_atomically(file, content.getvalue())
