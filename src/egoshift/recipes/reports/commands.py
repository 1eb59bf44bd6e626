"""The commands that make results again, from the runs that the results hold."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from egoshift.datasets import DataCard
from egoshift.encoders import SIGNAL, SensorCard, WeightCard
from egoshift.errors import EgoshiftError
from egoshift.evaluation import Result
from egoshift.evaluation.modality_result import ModalityResult
from egoshift.features.layout import MANIFEST
from egoshift.features.manifest import Manifest
from egoshift.recipes.execute import MODELS, RUN_FILE
from egoshift.recipes.reports.found import Found
from egoshift.recipes.reports.portable import as_recipe, needed_models, with_places
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import read_run
from egoshift.recipes.stores import store_folder

RUNS = Path("runs")
_DEFAULT_RATES_HZ = {"window": 2.0, "frame": 4.0}


@dataclass
class Commands:
    """A script for a shell, in the order in which it must run.

    Attributes:
        lines: Commands, each with all that belongs to it.
        remarks: What is not exactly known, or cannot be repeated.
        runs: The folder of each run that is trained.
    """

    lines: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    runs: list[Path] = field(default_factory=list)

    @property
    def script(self) -> str:
        """All lines."""
        return "\n".join(self.lines) + "\n"

    def add(self, *words: str) -> None:
        """A command; one that stands already is not repeated."""
        line = _command(words)
        if line not in self.lines:
            self.lines.append(line)

    def remark(self, text: str) -> None:
        """A remark, once."""
        if text not in self.remarks:
            self.remarks.append(text)


def commands_for(found: Sequence[Found[Result] | Found[ModalityResult]], page: Sequence[str] = ()) -> Commands:
    """What to run in an empty folder to get the same results: features, models, results, tables and this page.

    Runs that others begin with, or whose models encode a sensor for them, come before these. Features go where the data
    cards say, and are used again where they are.

    Args:
        found: The results.
        page: The options of ``egoshift report`` that make the page.
    """
    script = Commands()
    groups: dict[str, list[Found[Result] | Found[ModalityResult]]] = {}
    for one in found:
        if one.run is None:
            script.remark(f"{one.path.name} does not hold its run as this version reads it, so nothing repeats it.")
        else:
            groups.setdefault(one.run.model_dump_json(), []).append(one)
    runs = [group[0].run for group in groups.values()]
    places, targets = _Places([run.name for run in runs if run is not None]), list[str]()
    for group in groups.values():
        run = group[0].run
        assert run is not None, "grouped by it"
        folder = _train(script, places, run, group[0].folder, [one.card for one in group])
        targets.append(str(folder))
        _evaluate(script, run, folder, group)
    if targets:
        script.add("egoshift", "tables", *targets)
        script.add("egoshift", "report", *targets, *page)
    return script


class _Places:
    """Where each run is trained again: in a folder of its own name, with what it is trained on where names recur."""

    def __init__(self, names: Sequence[str]) -> None:
        self._recurring = {name for name in names if names.count(name) > 1}
        self._folders: dict[str, Path] = {}
        self.models: dict[Path, Path] = {}

    def of(self, run: Run) -> Path:
        key = run.model_dump_json()
        longer = [f"{run.name}-{run.train.stem}", f"{run.name}-{run.train.stem}-seed{run.fit.seed}"]
        names = [*([] if run.name in self._recurring else [run.name]), *longer]
        names += [f"{names[-1]}-{number}" for number in range(2, len(self._folders) + 3)]
        taken = set(self._folders.values())
        if key not in self._folders:
            self._folders[key] = next(RUNS / name for name in names if RUNS / name not in taken)
        return self._folders[key]


def _train(script: Commands, places: _Places, run: Run, old: Path | None, cards: Sequence[Path | None] = ()) -> Path:
    """Adds what trains a run, and before it what it needs; says where it is then."""
    folder = places.of(run)
    if folder in script.runs:
        return folder
    for model in needed_models(run):
        _train_needed(script, places, run, model)
    moved = with_places(run, places.models)
    for card in dict.fromkeys([run.train, *run.test, *(card for card in cards if card is not None)]):
        for encoder in dict.fromkeys(stream.encoder for stream in run.streams.values()):
            new = next(moved.streams[name].encoder for name, ref in run.streams.items() if ref.encoder == encoder)
            if not encoder.startswith(SIGNAL):
                _extract(script, card, encoder, new)
    recipe = as_recipe(moved)
    if recipe is not None:
        script.add("egoshift", "train", recipe[0], *recipe[1], "--out", str(folder))
    else:
        fields = yaml.safe_dump(moved.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        script.lines.append(f"cat > {shlex.quote(folder.name)}.yaml <<'RUN'\n{fields}RUN")
        script.add("egoshift", "train", f"{folder.name}.yaml", "--out", str(folder))
    script.runs.append(folder)
    return folder


def _train_needed(script: Commands, places: _Places, run: Run, model: Path) -> None:
    """Adds what trains a model of another run; published weights and what is gone are only spoken of."""
    source = model.parent.parent
    if model in places.models:
        return
    if not model.exists():
        script.remark(f"{run.name} needs {model}, which is not there any more.")
    elif model.parent.name == MODELS and (source / RUN_FILE).is_file():
        try:
            folder = _train(script, places, read_run(source / RUN_FILE), source)
        except EgoshiftError as error:
            script.remark(f"{run.name} needs {model}, whose run cannot be read: {error}")
            return
        places.models[model] = folder / MODELS / model.name


def _extract(script: Commands, card: Path, encoder: str, new: str) -> None:
    """Adds the extraction of a data set's features as the store that is there was made."""
    words = ["egoshift", "extract", str(card), "--encoder", new]
    try:
        manifest = Manifest.read(store_folder(DataCard.read(card), encoder) / MANIFEST)
        hands = DataCard.read(card).hands is not None
    except (EgoshiftError, OSError):
        script.remark(
            f"The features of {card.name} by {encoder} are not there any more; the command makes them at the default "
            "rate and with the default views."
        )
        script.add(*words)
        return
    if manifest.plan.kind == "exact":
        script.remark(
            f"The features of {card.name} by {encoder} are of {manifest.plan.num_frames} exact times a clip, which "
            "only Python's `extract` makes; the command makes a grid."
        )
    script.add(*words, *_options(manifest, hands=hands))


def _options(manifest: Manifest, *, hands: bool) -> list[str]:
    is_sensor = isinstance(manifest.encoder, SensorCard)
    rate, words = manifest.plan.rate_hz, list[str]()
    if rate is not None and rate != (_DEFAULT_RATES_HZ["window" if is_sensor else "frame"]):
        words += ["--rate", f"{rate:g}"]
    if not is_sensor and manifest.views != (("full", "hand") if hands else ("full",)):
        words += ["--views", ",".join(manifest.views)]
    if not is_sensor and manifest.encoder.dtype in ("float32", "bfloat16", "float16"):
        words += ["--precision", manifest.encoder.dtype]
    if isinstance(manifest.encoder, WeightCard) and manifest.encoder.runtime != "torch":
        words += ["--runtime", manifest.encoder.runtime]
    return words


def _evaluate(script: Commands, run: Run, folder: Path, group: Sequence[Found[Result] | Found[ModalityResult]]) -> None:
    own = [run.train, *run.test]
    others = [one.card for one in group if one.card is not None and one.card not in own]
    script.add("egoshift", "evaluate", str(folder))
    for card in dict.fromkeys(others):
        script.add("egoshift", "evaluate", str(folder), "--test", str(card))
    for test in dict.fromkeys(one.result.test for one in group if one.card is None):
        script.remark(f"{run.name} was evaluated on {test}, whose data card is not there any more; add --test CARD.")


def _command(words: Sequence[str]) -> str:
    """A command on as many lines as it has options, so that none is too long to read."""
    lines, line = list[str](), ""
    for word in map(shlex.quote, words):
        if word.startswith("--") and len(words) > 8:
            lines.append(line)
            line = f"    {word}"
        else:
            line = f"{line} {word}" if line else word
    return " \\\n".join([*lines, line])
