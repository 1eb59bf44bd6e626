"""The hooks of the site, which lie beside the pages and not in a package."""

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from tests.flows.pages import ROOT


def load_hook(name: str) -> Any:
    """The module ``docs/hooks/NAME.py``."""
    spec = spec_from_file_location(f"site_hook_{name}", ROOT / "docs/hooks" / f"{name}.py")
    assert spec is not None, name
    assert spec.loader is not None, name
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
