"""Which files get faults, and which tests may notice them."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_STORE = ("store", "parts", "rows", "manifest", "draft", "lock", "stored", "windows", "batches")
_STORE_TESTS = (
    "store",
    "draft",
    "extract",
    "extract_again",
    "repair",
    "union",
    "verified",
    "wanted",
    "parts",
    "rows",
    "manifest",
    "lock",
    "stored",
    "windows",
    "shards",
    "tensors",
    "check",
    "shares",
)


@dataclass(frozen=True)
class Room:
    """Files that are counted together.

    Attributes:
        name: As a person asks for it.
        sources: The files, from the repository's root.
        tests: Folders and files of tests; of these, a mutant meets those that run its lines.
        root: The folder that all these names begin at.
        packages: Per folder of Python files the folder that its modules' names begin at.
        start_s: What a child may take before its tests begin, on the slowest machine.
    """

    name: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    root: Path = ROOT
    packages: tuple[tuple[str, str], ...] = (("src/egoshift", "src"), ("tests", "."))
    start_s: float = 20.0

    def modules(self) -> list[str]:
        """The files of tests, the room's own before those of others."""
        found: list[str] = []
        for place in self.tests:
            path = self.root / place
            files = [path] if path.is_file() else sorted(path.rglob("test_*.py"))
            found += [str(file.relative_to(self.root)) for file in files]
        return list(dict.fromkeys(found))


def _folder(name: str) -> tuple[str, ...]:
    return tuple(str(path.relative_to(ROOT)) for path in sorted((ROOT / "src/egoshift" / name).glob("*.py")))


def all_rooms() -> dict[str, Room]:
    """The rooms whose numbers and stores others trust."""
    parity = {
        "losses": ("alignment", "prototypes"),
        "evaluation": ("evaluation", "episodes", "calibration", "segmentation"),
        "methods": ("xmic", "prompts", "clip_adapter", "clip_lora", "tip_adapter", "vita_clip"),
    }
    rooms = [
        Room(name, _folder(name), (f"tests/unit/{name}", *(f"tests/parity/test_{each}.py" for each in others)))
        for name, others in parity.items()
    ]
    sources = tuple(f"src/egoshift/features/{name}.py" for name in _STORE)
    rooms.append(Room("store", sources, tuple(f"tests/unit/features/test_{name}.py" for name in _STORE_TESTS)))
    return {room.name: room for room in rooms}
