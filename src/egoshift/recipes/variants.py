"""What tables and claims compare: named runs, on the papers' data sets and on the generated world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from egoshift.errors import ConfigError
from egoshift.recipes import baselines, xmic
from egoshift.recipes.egoworld import egoworld_settings
from egoshift.recipes.reported import PROMPTS
from egoshift.recipes.run import Run
from egoshift.recipes.run_files import override
from egoshift.records import Label

_COMMON = "fit."
"""What may be overridden: only what holds for every variant alike."""


@dataclass(frozen=True)
class Variant:
    """A recipe, and the method's options and prompt in which it differs.

    Attributes:
        title: What tables call it.
        recipe: Makes the run.
        options: Of the method, over those of the recipe.
        template: The prompt that class names are put into.
    """

    title: str
    recipe: Callable[..., Run]
    options: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    template: str = "{}"


def _normalised(condition: bool, adapter: bool, text: bool) -> Mapping[str, object]:
    return {"normalise_condition": condition, "normalise_adapter": adapter, "normalise_text": text}


def _prompted() -> dict[str, Variant]:
    """The rows of Table 7 but for the bare class name."""
    variants = {}
    for suffix, template in PROMPTS.items():
        if suffix:
            title = template.replace("{}", "…")
            variants[f"zero_shot{suffix}"] = Variant(f"zero-shot, “{title}”", xmic.zero_shot, template=template)
            variants[f"xmic{suffix}"] = Variant(f"X-MIC, “{title}”", xmic.xmic, template=template)
    return variants


VARIANTS: Mapping[str, Variant] = {
    "zero_shot": Variant("zero-shot", xmic.zero_shot),
    "zero_shot_hand": Variant("zero-shot on hand crops", xmic.zero_shot_hand),
    "coop": Variant("CoOp", baselines.coop),
    "cocoop": Variant("CoCoOp", baselines.cocoop),
    "clip_adapter": Variant("CLIP-Adapter", baselines.clip_adapter),
    "clip_adapter_temporal": Variant("CLIP-Adapter*", baselines.clip_adapter_temporal),
    "clip_adapter_official": Variant("CLIP-Adapter, official", baselines.clip_adapter_official),
    "a5": Variant("A5", baselines.a5),
    "vita_clip": Variant("Vita-CLIP", baselines.vita_clip),
    "tip_adapter": Variant("Tip-Adapter", baselines.tip_adapter),
    "tip_adapter_f": Variant("Tip-Adapter-F", baselines.tip_adapter_f),
    "clip_lora": Variant("CLIP-LoRA", baselines.clip_lora),
    "linear_probe": Variant("linear probe", baselines.linear_probe),
    "xmic": Variant("X-MIC", xmic.xmic),
    "xmic-mean": Variant("X-MIC, mean over frames", xmic.xmic, {"num_temporal_layers": 0}),
    "xmic_full": Variant("X-MIC, F", xmic.xmic_full),
    "xmic_hand": Variant("X-MIC, H", xmic.xmic_hand),
    "xmic_dino": Variant("X-MIC+DINO", xmic.xmic_dino),
    "zero_shot_large": Variant("zero-shot, larger CLIP", xmic.zero_shot_large),
    "xmic_large": Variant("X-MIC, larger CLIP", xmic.xmic_large),
    "zero_shot_lavila": Variant("zero-shot, LaViLa", xmic.zero_shot_lavila),
    "xmic_lavila": Variant("X-MIC, LaViLa", xmic.xmic_lavila),
    "xmic-none": Variant("X-MIC, no norms", xmic.xmic, _normalised(False, False, False)),
    "xmic-n2+n3": Variant("X-MIC, n2+n3", xmic.xmic, _normalised(False, True, True)),
    "xmic-n1+n2+n3": Variant("X-MIC, n1+n2+n3", xmic.xmic, _normalised(True, True, True)),
    "xmic-n1+n2": Variant("X-MIC, n1+n2", xmic.xmic, _normalised(True, True, False)),
    "xmic-n1+n3": Variant("X-MIC, n1+n3", xmic.xmic, _normalised(True, False, True)),
    **_prompted(),
}
"""``xmic`` itself is n1, F+H, two layers of temporal attention and the bare class name."""


def variant_run(name: str, source: Path, targets: Sequence[Path], label: Label, *, seed: int = 0) -> Run:
    """The run of one variant for one kind of label.

    Args:
        name: One of ``VARIANTS``.
        source: The data card trained on.
        targets: Data cards of the other data sets.
        label: What is recognised.
        seed: Of the training.
    """
    variant = VARIANTS[name]
    run = variant.recipe(source, tuple(targets))
    method = run.method.model_copy(update={"options": run.method.options | dict(variant.options)})
    fit = run.fit.model_copy(update={"seed": seed})
    changes = {"name": name, "labels": (label,), "method": method, "fit": fit, "templates": (variant.template,)}
    return run.model_copy(update=changes)


def world_run(
    name: str, source: Path, targets: Sequence[Path], label: Label, *, seed: int, assignments: Sequence[str] = ()
) -> Run:
    """The same on the generated world: its encoders and settings in place of the papers'.

    Args:
        name: One of ``VARIANTS``.
        source: The data card trained on.
        targets: Data cards of the other data sets.
        label: What is recognised.
        seed: Of the training.
        assignments: ``fit.field=value``, replacing settings of every variant alike.
    """
    return override(egoworld_settings(variant_run(name, source, targets, label, seed=seed)), assignments)


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
    world_run("zero_shot", Path("source"), (), "noun", seed=0, assignments=assignments)
