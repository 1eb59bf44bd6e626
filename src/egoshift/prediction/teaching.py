"""A trained model learns from a handful of labelled segments, and says whether that helped."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import torch
from torch import Tensor, nn

from egoshift.classifier import ClassText
from egoshift.errors import ConfigError
from egoshift.evaluation import predict_logits
from egoshift.evaluation.calibration import calibrations
from egoshift.fusion import Fusion
from egoshift.losses.prototypes import SCALES, class_prototypes
from egoshift.prediction.examples import Examples, SegmentFeatures
from egoshift.prediction.gain import Gain, gain_of
from egoshift.prediction.holdout import held_out, seen_before
from egoshift.prediction.package import Package
from egoshift.prediction.predictor import Predictor
from egoshift.records import Label, Scores
from egoshift.training import FitProgress, FitReport, FitSettings, TrainedModel, fit

Way = Literal["head", "prototypes"]
"""``head`` goes on training what was trained, from its weights; ``prototypes`` trains nothing: a class becomes the mean
of its segments' embeddings, as in few-shot evaluation."""

SETTINGS = FitSettings(
    epochs=15, batch_size=16, lr=1e-4, schedule="cosine", warmup_epochs=2, selection="last", num_frames=16
)
"""How a head is taught: some seventy small steps. At X-MIC's own rate, 5e-4, 100 segments make it worse."""


@dataclass(frozen=True)
class Adapted:
    """A taught predictor.

    Attributes:
        package: What to save, or to predict with.
        gains: Before and after, by kind of label.
        held_out: What was measured on, in words.
        note: How much of that the model had been trained on before, in words; empty where nothing, or not known.
    """

    package: Package
    gains: tuple[Gain, ...]
    held_out: str
    note: str = ""


def teach(
    predictor: Predictor,
    examples: Examples,
    *,
    way: Way = "head",
    share: float = 0.3,
    keep_classes: bool = False,
    settings: FitSettings = SETTINGS,
    seed: int = 0,
    progress: Callable[[str, FitProgress], None] | None = None,
) -> Adapted:
    """Teaches a predictor's models labelled segments; the predictor itself stays as it is.

    Args:
        predictor: What to teach.
        examples: The segments.
        way: How.
        share: Of the segments, how many are held out to measure on.
        keep_classes: Whether the classes that it was trained with stay beside those of the segments.
        settings: How a head is taught.
        seed: Of what is held out, and of the teaching.
        progress: Called as it goes on.

    Raises:
        ConfigError: No model answers a kind of label of the segments, there are too few, or they cannot be taught in
            this way; or an epoch would be chosen by the segments that are measured on.
        DataError: A segment cannot be read.
    """
    if settings.selection != "last":
        raise ConfigError(
            f"{examples.path}: selection {settings.selection!r} would choose the epoch by the segments that the gain "
            "is measured on; leave it at 'last'"
        )
    mask, words = held_out(examples, share, seed)
    models, gains = [], []
    for model in predictor.package.models:
        labels = tuple(label for label in model.labels if label in examples.names)
        if not labels:
            continue
        if len(labels) < len(model.labels):
            raise ConfigError(
                f"{examples.path}: {predictor.name} answers {' and '.join(model.labels)} with one model, of which the "
                f"segments have {' and '.join(labels)} alone; label both"
            )
        samples = examples.samples(model.classifier, labels, model.num_frames)
        taught, more = _teach(predictor, model, examples, samples, mask, way, keep_classes, settings, seed, progress)
        models.append(taught)
        gains += more
    if not models:
        known, asked = " and ".join(predictor.labels), " and ".join(examples.names) or "no"
        raise ConfigError(f"{examples.path}: has {asked} labels, {predictor.name} answers {known}; add such a column")
    package = replace(predictor.package, name=f"{predictor.name}-adapted", models=tuple(models), results=())
    return Adapted(package, tuple(gains), words, seen_before(predictor.package.models, examples, mask))


def _teach(
    predictor: Predictor,
    model: TrainedModel,
    examples: Examples,
    samples: SegmentFeatures,
    mask: Tensor,
    way: Way,
    keep_classes: bool,
    settings: FitSettings,
    seed: int,
    progress: Callable[[str, FitProgress], None] | None,
) -> tuple[TrainedModel, list[Gain]]:
    """One model, taught, with what it brought."""
    text, samples = _classes(predictor, model, examples, samples, keep_classes)
    test, train = samples.subset(mask.nonzero()[:, 0]), samples.subset((~mask).nonzero()[:, 0])
    for label in text:
        if not bool((train.targets[label] >= 0).any()) or not bool((test.targets[label] >= 0).any()):
            raise ConfigError(f"{examples.path}: too few segments have a {label}; label more of them")
    before = _before(model, test, text)
    settings = settings.model_copy(update={"num_frames": model.num_frames, "seed": seed})
    classifier, report = copy.deepcopy(model.classifier), None
    if way == "prototypes":
        classifier = _with_prototypes(predictor.name, classifier, train, text, model.num_frames)
    else:
        _check_head(predictor.name, model, text)
        report = fit(
            classifier,
            train,
            text,
            validation=test,
            settings=settings,
            accelerator="cuda" if predictor.device.startswith("cuda") else "cpu",
            progress=None if progress is None else lambda state: progress("+".join(text), state),
        )
    after = predict_logits(classifier, test, text, num_frames=model.num_frames)
    if report is None:
        report = _report_of_prototypes(settings, train, after, test, text)
    clip_s = None if model.fit is None else model.fit.clip_s
    provenance = dict(model.provenance) | {
        "adapted": {
            "examples": examples.path.name,
            "segments": len(train),
            "way": way,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    }
    taught = TrainedModel(
        classifier,
        text,
        text_encoder=model.text_encoder if way == "head" else "",  # classes of prototypes are fixed
        num_frames=model.num_frames,
        fit=report.model_copy(update={"clip_s": clip_s}),
        provenance=provenance,
    )
    return taught, [gain_of(label, before, after, test) for label in text]


def _classes(
    predictor: Predictor, model: TrainedModel, examples: Examples, samples: SegmentFeatures, keep: bool
) -> tuple[dict[Label, ClassText], SegmentFeatures]:
    """The classes to choose among, and the samples with their indices: the segments' own, or these after the old."""
    text, targets = {}, {}
    for label in model.labels:
        own, asked = model.text[label].names, examples.names[label]
        # What it knows already it keeps on knowing.
        names = own if set(asked) <= set(own) else (*own, *(n for n in asked if n not in own)) if keep else asked
        text[label] = (
            model.text[label]
            if names == own
            else predictor.towers.words(model.text_encoder, names, predictor.package.templates)
        )
        places = torch.tensor([names.index(name) for name in asked] + [-1])
        targets[label] = places[samples.targets[label]]
    return text, samples.with_targets(targets)


def _before(model: TrainedModel, test: SegmentFeatures, text: dict[Label, ClassText]) -> dict[Label, Tensor] | None:
    """What the model says as it is; None where its classes are fixed and are others."""
    if not model.text_encoder and any(set(words.names) - set(model.text[label].names) for label, words in text.items()):
        return None
    return predict_logits(model.classifier, test, text, num_frames=model.num_frames)


def _check_head(name: str, model: TrainedModel, text: dict[Label, ClassText]) -> None:
    settings = model.classifier.settings
    fixed = settings.get("classes") and settings.get("head") != "text"  # which compares, and trains none for a class
    new = any(words.names != model.text[label].names for label, words in text.items())
    if fixed and new:
        raise ConfigError(
            f"{name} has trained parameters for each of its classes, which new ones have not; teach it by prototypes, "
            "or take a model that compares with class text"
        )


def _with_prototypes(
    name: str, classifier: nn.Module, train: SegmentFeatures, text: dict[Label, ClassText], num_frames: int
) -> Fusion:
    """A fusion whose head's weights are prototypes: minus the squared distance to each is linear in the embedding."""
    if not isinstance(classifier, Fusion):
        raise ConfigError(f"{name} is a {type(classifier).__name__}, prototypes are of fusions; teach its head instead")
    state = {key: value for key, value in classifier.state_dict().items() if not key.startswith("head.")}
    with torch.no_grad():
        embedded = classifier.eval().embed(train.batch(torch.arange(len(train)), num_frames=num_frames))
    scale, classes = SCALES["squared-euclidean"], dict[Label, list[str]]()
    for label, words in text.items():
        targets = train.targets[label]
        shown = torch.unique(targets[targets >= 0])  # a class without a segment has no prototype, and is never answered
        classes[label] = [words.names[index] for index in shown.tolist()]
        prototypes = class_prototypes(
            embedded, torch.where(targets >= 0, torch.searchsorted(shown, targets), -1), len(shown)
        )
        state[f"head.linears.{label}.weight"] = 2 * scale * prototypes
        state[f"head.linears.{label}.bias"] = -scale * prototypes.square().sum(1)
    settings = dict(classifier.settings) | {"head": "linear", "classes": classes, "classify_streams": []}
    taught = Fusion(**settings)  # type: ignore[arg-type]
    taught.load_state_dict(state)
    return taught.eval().to(next(classifier.parameters()).device)


def _report_of_prototypes(
    settings: FitSettings,
    train: SegmentFeatures,
    logits: dict[Label, Tensor],
    test: SegmentFeatures,
    text: dict[Label, ClassText],
) -> FitReport:
    """What is known of a model that was not trained; its temperature is that of the held-out segments."""
    scores = {}
    for label, words in text.items():
        known = test.targets[label] >= 0
        groups = tuple(group for group, there in zip(test.groups, known.tolist(), strict=True) if there)
        scores[label] = Scores(label, logits[label][known], test.targets[label][known], groups, words.names)
    return FitReport(
        selection="none",
        settings=settings,
        clips=len(train),
        calibration=calibrations(scores),
        note="each class is the mean of its segments' embeddings",
    )
