"""What every test may use: the public assets, where they are present."""

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Started in the background by a script, Python finds ctrl-C ignored, and so would all that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says something of the machine and what else it does, nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

ASSETS = Path(__file__).parents[2] / "shared" / "assets"


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real public data; absent outside the developers' machines."""
    if not ASSETS.is_dir():
        pytest.skip(f"the public test assets are not at {ASSETS}")
    return ASSETS
