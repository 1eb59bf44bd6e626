"""Run every benchmark, collect its lines in docs/benchmarks.json and draw docs/benchmarks.md from them.

``python -m benchmarks.run [NAME…]`` runs all, or those named; lines of benchmarks that were not run are kept.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.cost_plots import CURVES, PICTURE, draw

FOLDER = Path(__file__).parent
DOCS = FOLDER.parent / "docs"
BENCHMARKS = (
    "limits",
    "logits",
    "train_step",
    "full_scale",
    "decoding",
    "extraction",
    "encoding",
    "gather",
    "larger_than_memory",
    "rendering",
    "prompts",
    "methods",
    "episodes",
    "evaluation",
    "fusion_step",
    "logmel",
    "prediction",
    "timeline",
    "cost_curves",
)

_HEAD = """# Benchmarks

Each line is a ratio measured side by side in one run, held against its bar; `make bench` runs them all again and
rewrites this page from `benchmarks.json`. Times differ from machine to machine, so none are given here but this
machine's own limits. Training and encoding are measured in bfloat16 where the processor has instructions for it, else
in float32 (see `benchmarks.json`).

| benchmark | measured | bar | machine | command |
| --- | ---: | --- | --- | --- |
"""

_METHODS_HEAD = """
## What a training step of each method costs

{size}, {precision}, on {machine} (`{command}`).

X-MIC's paper calls its adaptation efficient because no gradients pass an encoder: a step of X-MIC is to take no longer
than that of any method whose gradients do. Trained parameters are those that a step updates; extra peak memory is what
the process holds at its fullest moment beyond what it held before the first step, AdamW's state included. All methods
read features that were computed once, but those with a remark, which run the image tower in every step.

| method | trained parameters | time, X-MIC = 1 | bar | extra peak memory, X-MIC = 1 | MiB | remark |
| --- | ---: | ---: | --- | ---: | ---: | --- |
"""

_CURVES_HEAD = """
## Cost curves

![Time and extra peak memory against classes, frames, clips and vocabulary]({picture})

{size}; {precision}, on {machine} (`{command}`). X-MIC as printed is its equation with the batch x classes x dim tensor;
CoCoOp in one piece keeps the prompts of all clips and classes for the backward pass, as the official code does. Below,
a cost grows as the size to the power of the exponent, over the last three points of a curve.

| what grows | method | up to | exponent of time | exponent of memory |
| --- | --- | ---: | ---: | ---: |
"""

_PROFILE_HEAD = """
## Where the time of a training step goes

{size}; {precision}, on {machine} (`{command}`), profiled on one thread. The matrix
products of the step run at {value:.1f} % of this machine's peak; the other operators move numbers rather than multiply
them.

| operators | share of the time |
| --- | ---: |
"""

_LIMITS_HEAD = """
## This machine's limits

What the lines above were held against, best of several rounds; with a ratio, all cores to one thread, and reading from
the disk to writing.

| limit | measured | ratio | machine |
| --- | ---: | ---: | --- |
"""


def page(lines: Iterable[Mapping[str, Any]]) -> str:
    """The page of all lines: one table, one each of limits and of those that compare methods, and the cost curves."""
    ordered = sorted(lines, key=lambda line: line["name"])
    rows = [
        (line["name"], f"{line['value']:g} {line['unit']}", line["bar"], line["machine"], f"`{line['command']}`")
        for line in ordered
        if not {"method", "limit", "curve"} & line.keys()
    ]
    limits = limits_section([line for line in ordered if "limit" in line])
    profiles = "".join(profile_section(line) for line in ordered if "profile" in line)
    curves = [line for line in ordered if "curve" in line]
    methods = [line for line in ordered if "method" in line and "curve" not in line]
    return _HEAD + table(rows) + limits + profiles + methods_section(methods) + curves_section(curves)


def profile_section(line: Mapping[str, Any]) -> str:
    """The table of where time goes, the largest share first."""
    shares = sorted(line["profile"].items(), key=lambda item: -item[1])
    return _PROFILE_HEAD.format(**line) + table((group, f"{share:.1f} %") for group, share in shares)


def limits_section(lines: list[Mapping[str, Any]]) -> str:
    """The table of this machine's limits; nothing where they were not measured."""
    if not lines:
        return ""
    rows = [
        (
            line["name"].removeprefix("limit-"),
            f"{ratio(line['value'])} {line['unit']}",
            ratio(line["ratio"]) if "ratio" in line else "",
            line["machine"],
        )
        for line in lines
    ]
    return _LIMITS_HEAD + table(rows)


def methods_section(lines: list[Mapping[str, Any]]) -> str:
    """The table of methods, the fastest first; nothing where they were not measured."""
    if not lines:
        return ""
    memory = {line["method"]: line for line in lines if line["quantity"] == "memory"}
    rows = [
        (
            line["method"],
            f"{line['trained_parameters']:,}",
            ratio(line["value"]),
            line["bar"],
            ratio(memory[line["method"]]["value"]),
            f"{memory[line['method']]['MiB']:,.0f}",
            line["remark"],
        )
        for line in sorted(lines, key=lambda line: line["value"])
        if line["quantity"] == "time"
    ]
    return _METHODS_HEAD.format(**lines[0]) + table(rows)


def curves_section(lines: list[Mapping[str, Any]]) -> str:
    """The picture of all curves and the table of their exponents; nothing where they were not measured."""
    if not lines:
        return ""
    rows = [
        (line["curve"], line["method"], f"{line['x'][-1]:,}", f"{line['time_exponent']:.2f}", f"{line['value']:.2f}")
        for line in sorted(lines, key=lambda line: (CURVES.index(line["curve"]), line["value"]))
    ]
    escaped = [tuple(cell.replace("*", "\\*") for cell in row) for row in rows]
    return _CURVES_HEAD.format(picture=PICTURE, **lines[0]) + table(escaped)


def ratio(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of a table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def main(names: list[str]) -> int:
    """Run the named benchmarks (all by default); 1 if one of them failed."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    path = DOCS / "benchmarks.json"
    lines = {line["name"]: line for line in (json.loads(path.read_text()) if path.exists() else [])}
    failed = []
    for name in names or BENCHMARKS:
        print(f"benchmarks/{name}.py …", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent, stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            failed.append(name)
            continue
        for text in done.stdout.splitlines():
            print(text)
            line = json.loads(text)
            lines[line["name"]] = line
        # After each, so that an interruption loses one benchmark and not hours of them.
        path.write_text(json.dumps(sorted(lines.values(), key=lambda line: line["name"]), indent=1) + "\n")
        (DOCS / "benchmarks.md").write_text(page(lines.values()))
        if curves := [line for line in lines.values() if "curve" in line]:
            draw(curves, DOCS / PICTURE)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
