"""Models that travel: a folder with the models, where their streams come from, their results and a model card.

::

    predictor.json        name, streams, templates, the encoders' weights
    models/<labels>/      one trained model each, as ``egoshift train`` writes them
    encoders/<sensor>/    trained encoders of sensors that the models read features of
    results/*.json        what was measured
    README.md             the model card

A run's folder and one trained model's folder are read as well.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egoshift.encoders import PIXELS, SIGNAL, sensor_of
from egoshift.errors import CheckpointError, ConfigError, ResultError
from egoshift.evaluation import Result
from egoshift.recipes.execute import MODELS, RESULTS, RUN_FILE, label_groups
from egoshift.recipes.outlived import outlived_line, outlived_results
from egoshift.recipes.run import Run, StreamRef
from egoshift.recipes.run_files import read_run, validated
from egoshift.recipes.tables import is_of_modalities
from egoshift.sealed import ALTERED, OR_EDITED, is_as_sealed
from egoshift.training import TrainedModel
from egoshift.training.checkpoint import CONFIG_FILE, FILES, RESUME_FILE, read_config

PREDICTOR_FILE, ENCODERS, CARD_FILE = "predictor.json", "encoders", "README.md"

_LABELS = r"^(verb|noun|action)(\+(verb|noun|action))*$"  # a folder within the predictor's, and never one outside
_log = logging.getLogger("egoshift.prediction")
_OWN_ENCODER = re.compile(rf"{ENCODERS}/[\w-]+")


class PackageConfig(BaseModel):
    """What ``predictor.json`` says.

    Attributes:
        name: What the predictor is called.
        labels: The folders of the models.
        streams: Where each stream comes from; encoders that travel with it are paths from its folder.
        templates: Prompts for class names.
        weights: SHA-256 of each encoder's weights.
        checksum: In the file, xxh3-128 of it with nothing between these quotes; empty in older ones and in memory.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["egoshift-predictor"] = "egoshift-predictor"
    schema_version: Literal[1] = 1
    name: str
    labels: tuple[Annotated[str, Field(pattern=_LABELS)], ...] = Field(min_length=1)
    streams: dict[str, StreamRef]
    templates: tuple[str, ...] = ("{}",)
    weights: dict[str, str] = Field(default_factory=dict)
    checksum: str = ""


@dataclass(frozen=True)
class Package:
    """What a predictor is made of.

    Attributes:
        name: What it is called.
        models: Trained models, each of other kinds of label.
        streams: Where each stream of theirs comes from.
        templates: Prompts for class names.
        weights: SHA-256 of the encoders' weights, by encoder.
        results: What was measured of them.
    """

    name: str
    models: tuple[TrainedModel, ...]
    streams: Mapping[str, StreamRef]
    templates: tuple[str, ...] = ("{}",)
    weights: Mapping[str, str] = field(default_factory=dict)
    results: tuple[Result, ...] = ()

    def with_encoder(self, name: str) -> "Package":
        """The same, with the weights of its image and text encoder at another place.

        Raises:
            ConfigError: It reads several image encoders, or none.
        """
        images = {
            ref.encoder
            for ref in self.streams.values()
            if not ref.encoder.startswith((SIGNAL, PIXELS)) and sensor_of(ref.encoder) is None
        }
        if len(images) != 1:
            raise ConfigError(f"{self.name} reads {len(images)} image encoders, so that none can stand for the one")
        (old,) = images
        streams = {
            key: ref.model_copy(update={"encoder": name}) if ref.encoder == old else ref
            for key, ref in self.streams.items()
        }
        models = tuple(copy(model) for model in self.models)
        for model in models:
            model.text_encoder = name if model.text_encoder == old else model.text_encoder
        weights = {name if key == old else key: sha256 for key, sha256 in self.weights.items()}
        return replace(self, models=models, streams=streams, weights=weights)


def load_package(name_or_path: str | Path, *, revision: str | None = None, token: str | bool | None = None) -> Package:
    """A predictor's parts from a folder, or from the hub where there is no such folder.

    Raises:
        CheckpointError: There is none, it is damaged, or it does not say what its features were made by.
    """
    folder, load = _located(name_or_path, revision, token)
    return load(folder)


def check_model(name_or_path: str | Path) -> None:
    """Refuses what is no model; one of the hub is fetched, and no weights are read.

    Raises:
        CheckpointError: There is none, or what says how it was made is damaged.
    """
    folder, load = _located(name_or_path, revision=None, token=None)
    if load is _packaged:
        models = [folder / MODELS / labels for labels in _package_config(folder).labels]
    elif load is _of_run:
        models = [folder / MODELS / "+".join(labels) for labels in label_groups(read_run(folder / RUN_FILE))]
    else:
        models = [folder]
    for model in models:
        read_config(model)


def _located(
    name_or_path: str | Path, revision: str | None, token: str | bool | None
) -> tuple[Path, Callable[[Path], Package]]:
    """Where a predictor lies on this machine, and what loads it from there."""
    folder = Path(name_or_path)
    if not folder.is_dir():
        folder = _fetched(str(name_or_path), revision, token)
    forms = {PREDICTOR_FILE: _packaged, RUN_FILE: _of_run, CONFIG_FILE: _of_model}
    load = next((load for name, load in forms.items() if (folder / name).is_file()), None)
    if (folder / RESUME_FILE).is_file():
        read_config(folder)  # refuses a training that is not finished
    if load is None:
        raise CheckpointError(
            f"{folder}: holds no model ({PREDICTOR_FILE}, {RUN_FILE} or {CONFIG_FILE}); give the folder of a run, such "
            "as runs/xmic"
        )
    return folder, load


def _package_config(folder: Path) -> PackageConfig:
    path = folder / PREDICTOR_FILE
    try:
        content = path.read_bytes()
        config = PackageConfig.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise CheckpointError(f"{path}: is not a predictor's ({place}: {fault['msg']}); write it again") from None
    if not is_as_sealed(content, config.checksum):
        raise CheckpointError(f"{path}: {ALTERED}; copy the folder again, {OR_EDITED}")
    return config.model_copy(update={"checksum": ""})


def _packaged(folder: Path) -> Package:
    config = _package_config(folder)
    streams, weights = {}, dict(config.weights)
    for name, ref in config.streams.items():
        sensor, _, place = ref.encoder.partition(":")
        here = f"{sensor}:{folder / place}"
        moved = _OWN_ENCODER.fullmatch(place) is not None and (folder / place).is_dir()
        streams[name] = ref.model_copy(update={"encoder": here}) if moved else ref
        if moved and ref.encoder in weights:
            weights[here] = weights.pop(ref.encoder)
    return Package(
        config.name,
        tuple(TrainedModel.from_pretrained(folder / MODELS / labels) for labels in config.labels),
        streams,
        config.templates,
        weights,
        _results(folder / RESULTS),
    )


def _of_run(folder: Path) -> Package:
    run = read_run(folder / RUN_FILE)
    models = tuple(TrainedModel.from_pretrained(folder / MODELS / "+".join(labels)) for labels in label_groups(run))
    return _made(run, models, _results(folder / RESULTS))


def _of_model(folder: Path) -> Package:
    """One model alone, whose provenance says which run it is of; results lie beside the run's models."""
    model = TrainedModel.from_pretrained(folder)
    values = model.provenance.get("run")
    if not isinstance(values, dict):
        raise CheckpointError(
            f"{folder}: does not say which encoders made its features, so that no recording can be encoded for it; "
            "give a model of `egoshift train`"
        )
    results = [
        result
        for result in _results(folder.resolve().parent.parent / RESULTS)
        if {row.label for row in result.rows} <= set(model.labels)
    ]
    return _made(validated(values, place=str(folder / CONFIG_FILE)), (model,), tuple(results))


def _made(run: Run, models: tuple[TrainedModel, ...], results: tuple[Result, ...]) -> Package:
    weights: dict[str, str] = {}
    for model in models:
        stores: Any = model.provenance.get("stores")
        for encoder, made in (stores if isinstance(stores, dict) else {}).items():
            if isinstance(made, dict) and isinstance(made.get("weights"), str) and not encoder.startswith(PIXELS):
                weights[encoder] = made["weights"]
    return Package(run.name, models, run.streams, run.templates, weights, results)


def _results(folder: Path) -> tuple[Result, ...]:
    """The results that lie in a folder; those of several modalities, which have a form of their own, are left out.

    So are those of models that were trained again since, which is told: nobody who predicts is to be held up by them.
    """
    results: list[tuple[Path, Result]] = []
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            if not is_of_modalities(path):
                results.append((path, Result.read(path)))
        except ResultError as error:
            _log.warning("left out: %s", error)
    outlived = outlived_results(results)
    for run, files in outlived.items():
        _log.warning("left out: %s", outlived_line(run, files))
    gone = {file for files in outlived.values() for file in files}
    return tuple(result for path, result in results if path not in gone)


def _fetched(name: str, revision: str | None, token: str | bool | None) -> Path:
    if name.startswith((".", "/", "~")) or name.count("/") > 1:  # which no id of the hub is
        place = Path(name)
        beside = [entry.name for entry in place.parent.iterdir() if entry.is_dir()] if place.parent.is_dir() else []
        close = get_close_matches(place.name, beside, n=1) or [entry for entry in beside if place.name in entry]
        hint = f"did you mean {place.parent / close[0]}?" if close else "give the folder of a run, such as runs/xmic"
        raise CheckpointError(f"{name}: there is no such folder; {hint}")
    patterns: Sequence[str] = (PREDICTOR_FILE, *FILES, f"{MODELS}/**", f"{ENCODERS}/**", f"{RESULTS}/**")
    try:
        return Path(snapshot_download(name, revision=revision, token=token, allow_patterns=list(patterns)))
    except (OSError, HFValidationError) as error:  # the hub's own errors are OSErrors
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"{name}: is neither a folder here nor a model of the hub that can be reached ({reason}); give the folder "
            "of a run, such as runs/xmic"
        ) from None
