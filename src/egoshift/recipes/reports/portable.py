"""A run as it can be repeated from another folder: as a recipe with overrides, or as a whole run file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from egoshift.encoders import PIXELS, SIGNAL, sensor_of
from egoshift.errors import ConfigError
from egoshift.recipes import RECIPES
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import override

_ENCODER_OPTIONS = ("encoder", "text_encoder", "weights")


def with_places(run: Run, models: Mapping[Path, Path]) -> Run:
    """The run with every local path absolute, and models of other runs where these are trained again.

    Args:
        run: The run.
        models: Per folder of a trained model that it begins with or reads features by, the folder to take instead.
    """

    def placed(encoder: str) -> str:
        kind = PIXELS if encoder.startswith(PIXELS) else ""
        sensor = sensor_of(encoder)
        kind = kind if sensor is None else f"{sensor}:"
        place = Path(encoder.removeprefix(kind)).expanduser()
        if not encoder or not place.exists():  # a hub's name, a signal, or gone
            return encoder
        return kind + str(models.get(place.resolve(), place.resolve()))

    options = {
        name: placed(value) if name in _ENCODER_OPTIONS and isinstance(value, str) else value
        for name, value in run.method.options.items()
    }
    streams = {name: ref.model_copy(update={"encoder": placed(ref.encoder)}) for name, ref in run.streams.items()}
    return run.model_copy(
        update={
            "streams": streams,
            "text_encoder": placed(run.text_encoder),
            "method": run.method.model_copy(update={"options": options}),
            "start": tuple(models.get(folder.resolve(), folder) for folder in run.start),
        }
    )


def needed_models(run: Run) -> list[Path]:
    """The folders of trained models (``RUN/models/LABELS``) that a run begins with or reads features by."""
    encoders = [stream.encoder for stream in run.streams.values() if sensor_of(stream.encoder) is not None]
    folders = [*(Path(encoder.partition(":")[2]).expanduser() for encoder in encoders), *run.start]
    return list(dict.fromkeys(folder.resolve() for folder in folders))


def as_recipe(run: Run) -> tuple[str, list[str]] | None:
    """The recipe and the options of ``egoshift train`` that make exactly this run; None where none do.

    Returns:
        The recipe's name, and words such as ``--on``, ``kitchen.yaml``, ``--set``, ``fit.epochs=2``.
    """
    found: list[tuple[str, list[str]]] = []
    weights = run.method.options.get("weights")
    encoders = [run.text_encoder, weights if isinstance(weights, str) else "", "", *_image_encoders(run)]
    for name, make in RECIPES.items():
        for encoder in dict.fromkeys(encoders):
            made = make(run.train, run.test, encoder=encoder) if encoder else make(run.train, run.test)
            if made.method.name != run.method.name:
                break
            assignments = list(_differences(made.model_dump(mode="json"), run.model_dump(mode="json")))
            if not _makes(made, assignments, run):
                continue
            words = ["--on", str(run.train), *(word for card in run.test for word in ("--test", str(card)))]
            words += ["--encoder", encoder] if encoder else []
            found.append((name, words + [word for one in assignments for word in ("--set", one)]))
    # A variant is named after its recipe, such as mmg_zero_shot.imu.
    own = [one for one in found if run.name.startswith(one[0])]
    return min(own or found, key=lambda one: (-len(one[0]) if own else 0, len(one[1])), default=None)


def _image_encoders(run: Run) -> list[str]:
    encoders = [stream.encoder for stream in run.streams.values()]
    return [name for name in encoders if sensor_of(name) is None and not name.startswith((PIXELS, SIGNAL))]


def _makes(made: Run, assignments: list[str], run: Run) -> bool:
    try:
        return override(made, assignments) == run
    except ConfigError:
        return False


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """What must be set, as ``field.field=value``, for ours to become theirs."""
    for name, value in theirs.items():
        field = f"{place}{name}"
        if name in ours and ours[name] == value:
            continue
        # A method's option is set as a whole; of other groups only the fields can be set.
        if isinstance(value, Mapping) and isinstance(ours.get(name), Mapping) and place != "method.options.":
            yield from _differences(ours[name], value, f"{field}.")
        else:
            yield f"{field}={_flow(value)}"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
