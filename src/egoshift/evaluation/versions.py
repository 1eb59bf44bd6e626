"""Which libraries made a number."""

import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("egoshift", "torch", "lightning-fabric", "transformers", "av", "numpy", "polars", "safetensors")
"""Those whose version can change a number."""


def library_versions() -> dict[str, str]:
    """The version of Python and of each installed library that can change a number."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return versions
