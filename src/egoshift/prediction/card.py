"""The model card: what a predictor was trained on, how good it is, where it fails, and whose weights it needs."""

from collections.abc import Mapping, Sequence

from egoshift.encoders import PIXELS, SIGNAL, sensor_of
from egoshift.encoders.folder import licence
from egoshift.encoders.weights import open_weights
from egoshift.errors import WeightsError
from egoshift.evaluation import Result
from egoshift.recipes.run import StreamRef
from egoshift.training import TrainedModel

_MOST_CLASSES = 60


def card_text(
    name: str, models: Sequence[TrainedModel], streams: Mapping[str, StreamRef], results: Sequence[Result]
) -> str:
    """A model card in Markdown, with the hub's front matter.

    Args:
        name: Of the predictor.
        models: What it holds.
        streams: Where its features come from.
        results: What was measured.
    """
    return (
        "\n\n".join(
            [
                "---\nlibrary_name: egoshift\ntags: [egocentric-video, action-recognition, video-classification]\n---",
                f"# {name}",
                _lead(models, streams),
                "## Use\n\n```python\nfrom egoshift import Predictor\n\n"
                f'predictor = Predictor.from_pretrained("{name}")  # this folder, or its id on the hub\n'
                'print(predictor.predict("video.mp4").timeline)\n```\n\n'
                "or `egoshift predict video.mp4 --model FOLDER`.",
                "## Trained on\n\n" + "\n".join(_training(model) for model in models),
                "## Scores\n\n" + _scores(results),
                "## Encoders\n\n" + "\n".join(_encoders(streams)),
                "## Limits\n\n" + "\n".join(f"- {line}" for line in _limits(models, results)),
                "## Classes\n\n" + "\n\n".join(_classes(model) for model in models),
            ]
        )
        + "\n"
    )


def _lead(models: Sequence[TrainedModel], streams: Mapping[str, StreamRef]) -> str:
    labels = " and ".join(dict.fromkeys(f"{label}s" for model in models for label in model.labels))
    methods = ", ".join(dict.fromkeys(type(model.classifier).__name__ for model in models))
    return (
        f"Recognises {labels} in egocentric recordings: {methods} on frozen features, streams {', '.join(streams)}. "
        "Written by [egoshift](https://pypi.org/project/egoshift/), which encodes a recording and runs it."
    )


def _training(model: TrainedModel) -> str:
    run = model.provenance.get("run")
    card = str(run.get("train", "")) if isinstance(run, dict) else ""
    data = card.rstrip("/").rpartition("/")[2] or "unknown"
    line = f"- {' and '.join(model.labels)}: {data}"
    if model.fit is None:
        return line
    fit = model.fit
    line += f", {fit.clips} clips, {fit.parameters} trained parameters, epoch chosen by: {fit.selection}"
    for label, found in fit.calibration.items():
        line += (
            f"; {label} temperature {found.temperature:.3g} (expected calibration error on {found.clips} held-out "
            f"source clips {found.ece_before:.1f}% before, {found.ece_after:.1f}% after, being fitted "
            "to them)"
        )
    return line


def _scores(results: Sequence[Result]) -> str:
    rows = [
        (result, row)
        for result in results
        for row in result.rows
        if row.metric == "top1" and row.subset in ("all", "shared", "novel")
    ]
    if not rows:
        return "None were measured: `egoshift evaluate` writes them."
    lines = [
        "| trained on | tested on | label | classes | top-1, % | clips |",
        "| --- | --- | --- | --- | ---: | ---: |",
    ]
    for result, row in rows:
        interval = "" if row.low is None or row.high is None else f" [{row.low:.1f}, {row.high:.1f}]"
        lines.append(
            f"| {result.train} | {result.test} | {row.label} | {row.subset} | {row.value:.1f}{interval} | {row.n} |"
        )
    return "\n".join([*lines, "", "Brackets are 95% intervals over videos."])


def _encoders(streams: Mapping[str, StreamRef]) -> list[str]:
    lines = []
    for encoder in dict.fromkeys(ref.encoder for ref in streams.values()):
        reading = ", ".join(name for name, ref in streams.items() if ref.encoder == encoder)
        if encoder.startswith(SIGNAL):
            lines.append(f"- {reading}: the sensor's own signal, encoded by the model")
        elif sensor_of(encoder) is not None:
            lines.append(f"- {reading}: an encoder of {sensor_of(encoder)}, in this folder where it was trained")
        else:
            lines.append(f"- {reading}: `{encoder}`, licence: {_licence(encoder.removeprefix(PIXELS))}; not included")
    return lines


def _licence(encoder: str) -> str:
    try:
        return licence(open_weights(encoder).folder.path)
    except WeightsError:
        return "unknown (its weights are not here)"


def _limits(models: Sequence[TrainedModel], results: Sequence[Result]) -> list[str]:
    fixed = [label for model in models if not model.text_encoder for label in model.labels]
    lines = [
        "Confidences are calibrated on the source's held-out videos alone; after a shift of data set they tend to be "
        "too high."
        if all(model.fit is not None and model.fit.calibration for model in models)
        else "Confidences are not calibrated: no clips of the source were held out.",
        "Actions are verbs and nouns taken as independent." if len(models) > 1 else "",
        f"The classes of {' and '.join(fixed)} are fixed."
        if fixed
        else "Classes can be named freely; those it was not trained with are recognised less well (novel, above).",
        "" if any(result.train != result.test for result in results) else "It was not measured across data sets.",
        "It says what a wearer's hands do in daily activities; it is not for judging people.",
    ]
    return [line for line in lines if line]


def _classes(model: TrainedModel) -> str:
    parts = []
    for label, text in model.text.items():
        shown = ", ".join(text.names[:_MOST_CLASSES]) or "without names"
        more = f" and {len(text.names) - _MOST_CLASSES} more" if len(text.names) > _MOST_CLASSES else ""
        parts.append(f"{len(text.vectors)} {label}s: {shown}{more}.")
    return "\n\n".join(parts)
