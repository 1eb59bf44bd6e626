"""Inputs that find their way by coverage: atheris drives a reader's Python, with changes of this package's own.

atheris is no dependency: it has wheels for few systems. Where it is installed, ``python -m trust.fuzz --atheris cards``
runs it in a process of its own; what it finds lies in the folder of findings.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from trust.fuzz.changes import MOST_BYTES, changed
from trust.fuzz.target import Bench, attempt
from trust.fuzz.targets import TARGETS
from trust.fuzz.worker import PLAIN, limit_memory

INSTALL = "pip install atheris"
MOST_S = 10


def run_guided(name: str, minutes: float, findings: Path) -> int:
    """Lets atheris look for inputs of a target for so long; 1 where it found one, or where it is not installed."""
    folder = (findings / f"guided-{name}").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "trust.fuzz.guided", name, str(folder)]
    limits = [f"-max_total_time={round(minutes * 60)}", f"-timeout={MOST_S}", "-rss_limit_mb=0"]
    return int(subprocess.run([*command, *limits, f"-artifact_prefix={folder}/"], check=False).returncode != 0)


def main(name: str, findings: Path, options: list[str]) -> None:
    """Runs atheris in this process, which it ends."""
    try:
        import atheris
    except ImportError:
        raise SystemExit(f"atheris is not installed; run: {INSTALL}") from None
    target = TARGETS[name]
    assert target.guided, f"{name}: its reader is not Python, which is all that atheris sees"
    bench = Bench(target, Path(tempfile.mkdtemp(prefix="egoshift-fuzz-")))
    with atheris.instrument_imports(include=["egoshift", "json", "yaml", "csv"]):
        bench.read_whole()
    limit_memory()
    places = bench.places()

    def one(data: bytes) -> None:
        if not data:
            return
        seed, path = places[data[0] % len(places)]
        kind, words = attempt(target, bench.put(seed, path, data[1:]))
        if kind not in PLAIN:
            bench.keep(findings / "input", {"target": name, "kind": kind, "words": words})
            raise RuntimeError(f"{kind}: {words}")

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        index = data[0] % len(places) if data else 0
        if len(data) < 2:
            return bytes([index]) + places[index][1].read_bytes()[: most - 1]
        return bytes([index]) + changed(data[1:], places[index][1].name, Random(seed))[: min(most, MOST_BYTES) - 1]

    corpus = Path(tempfile.mkdtemp(prefix="egoshift-fuzz-"))
    for index, (_, path) in enumerate(places):
        (corpus / str(index)).write_bytes(bytes([index]) + path.read_bytes())
    setup: Any = atheris.Setup
    setup([sys.argv[0], *options, "-max_len=100000", str(corpus)], one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
