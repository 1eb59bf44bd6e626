"""The readers under test, by name."""

from importlib import import_module

from trust.fuzz.target import Target
from trust.fuzz.targets import annotations, answers, models, recordings

TARGETS: dict[str, Target] = {
    target.name: target for room in (annotations, recordings, models, answers) for target in room.TARGETS
}


def find_target(name: str) -> Target:
    """A target by its name, or by where it is defined: ``module:attribute``."""
    module, _, attribute = name.partition(":")
    if not attribute:
        return TARGETS[name]
    target = getattr(import_module(module), attribute)
    assert isinstance(target, Target), f"{name} is no target"
    return target
