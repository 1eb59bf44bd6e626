"""What is compared: named runs on the generated world, all with the same optimiser, epochs and selection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from egoshift.errors import ConfigError
from egoshift.recipes.claims.claim import WEB_PICTURES
from egoshift.recipes.egoworld import DINO, ENCODER, egoworld_settings
from egoshift.recipes.run import Run, override
from egoshift.recipes.xmic import xmic, xmic_dino, xmic_full, xmic_hand, zero_shot, zero_shot_hand
from egoshift.records import Label

_COMMON = "fit."
"""What may be overridden: only what holds for every variant alike."""


@dataclass(frozen=True)
class Variant:
    """One side of comparisons: a recipe, and the method's options in which it differs.

    Attributes:
        title: What tables call it.
        recipe: Makes the run.
        options: Of the method, over those of the recipe.
    """

    title: str
    recipe: Callable[..., Run]
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


def _normalised(condition: bool, adapter: bool, text: bool) -> Mapping[str, object]:
    return {"normalise_condition": condition, "normalise_adapter": adapter, "normalise_text": text}


VARIANTS: Mapping[str, Variant] = {
    "zero_shot": Variant("zero-shot", zero_shot),
    "zero_shot_hand": Variant("zero-shot on hand crops", zero_shot_hand),
    "xmic": Variant("X-MIC", xmic),
    "xmic-mean": Variant("X-MIC, mean over frames", xmic, {"num_temporal_layers": 0}),
    "xmic_full": Variant("X-MIC, F", xmic_full),
    "xmic_hand": Variant("X-MIC, H", xmic_hand),
    "xmic_dino": Variant("X-MIC+DINO", partial(xmic_dino, dino=DINO)),
    "xmic-none": Variant("X-MIC, no norms", xmic, _normalised(False, False, False)),
    "xmic-n2+n3": Variant("X-MIC, n2+n3", xmic, _normalised(False, True, True)),
    "xmic-n1+n2+n3": Variant("X-MIC, n1+n2+n3", xmic, _normalised(True, True, True)),
    "xmic-n1+n2": Variant("X-MIC, n1+n2", xmic, _normalised(True, True, False)),
    "xmic-n1+n3": Variant("X-MIC, n1+n3", xmic, _normalised(True, False, True)),
}
"""``xmic`` itself is n1, F+H and two layers of temporal attention."""


def variant_title(name: str) -> str:
    """What tables and plots call a variant, ``WEB_PICTURES`` too."""
    return "web pictures" if name == WEB_PICTURES else VARIANTS[name].title


def variant_run(
    name: str, source: Path, target: Path, label: Label, *, seed: int, assignments: Sequence[str] = ()
) -> Run:
    """The run of one variant for one kind of label and one direction.

    Args:
        name: One of ``VARIANTS``.
        source: The data card trained on.
        target: The data card of the other data set.
        label: What is recognised.
        seed: Of the training.
        assignments: ``fit.field=value``, replacing settings of every variant alike.
    """
    variant = VARIANTS[name]
    run = egoworld_settings(variant.recipe(source, (target,), encoder=ENCODER))
    run = override(run, assignments)
    method = run.method.model_copy(update={"options": run.method.options | dict(variant.options)})
    fit = run.fit.model_copy(update={"seed": seed})
    return run.model_copy(update={"name": name, "labels": (label,), "method": method, "fit": fit})


def check_assignments(assignments: Sequence[str]) -> None:
    """See that overrides hold for every variant alike and fit.

    Raises:
        ConfigError: One is of a method's own options, of the seed, or does not fit.
    """
    for assignment in assignments:
        name = assignment.partition("=")[0].strip()
        if not name.startswith(_COMMON) or name == "fit.seed":
            raise ConfigError(
                f"--set {assignment}: only fields of fit can be set here, and not its seed, so that all methods are "
                "trained alike; change one method's options with `egoshift train --set`"
            )
    variant_run("zero_shot", Path("source"), Path("target"), "noun", seed=0, assignments=assignments)
