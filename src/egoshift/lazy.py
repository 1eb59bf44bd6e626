"""Names of a package that are imported when they are first used."""

from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any


def lazy(package: str, modules: Mapping[str, Collection[str]], name: str) -> Any:
    """What a package's ``__getattr__`` gives: the value of a name that lies in one of its modules.

    Args:
        package: The package.
        modules: By module or package within it, the names to take from there.
        name: Which.

    Raises:
        AttributeError: No module has it.
    """
    for module, names in modules.items():
        if name in names:
            return getattr(import_module(f"{package}.{module}"), name)
    raise AttributeError(f"module {package!r} has no attribute {name!r}")
