"""Run every benchmark, collect its lines in docs/benchmarks.json and draw docs/benchmarks.md from them.

``python benchmarks/run.py [NAME…]`` runs all, or those named; lines of benchmarks that were not run are kept.
"""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
DOCS = FOLDER.parent / "docs"
BENCHMARKS = ("logits", "train_step", "decoding", "extraction", "gather", "rendering")

_HEAD = """# Benchmarks

Each line is a ratio measured side by side in one run, held against its bar; `make bench` runs them all again and
rewrites this page from `benchmarks.json`. Times differ from machine to machine, so none are given here. Training and
encoding are measured in bfloat16 where the processor has instructions for it, else in float32 (see `benchmarks.json`).

| benchmark | measured | bar | machine | command |
| --- | ---: | --- | --- | --- |
"""


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
    path.write_text(json.dumps(sorted(lines.values(), key=lambda line: line["name"]), indent=1) + "\n")
    rows = []
    for line in sorted(lines.values(), key=lambda line: line["name"]):
        cells = (
            line["name"],
            f"{line['value']:g} {line['unit']}",
            line["bar"],
            line["machine"],
            f"`{line['command']}`",
        )
        rows.append(f"| {' | '.join(cells)} |")
    (DOCS / "benchmarks.md").write_text(_HEAD + "\n".join(rows) + "\n")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
