"""Of which clips nothing may be learned: neither weights nor what an encoder normalises by."""

from collections.abc import Iterable

from egoshift.errors import ConfigError
from egoshift.features import AbstractFeatureSource
from egoshift.training.settings import FitSettings

TESTED = ("val", "test")


def kept_to_test(splits: Iterable[str]) -> list[str]:
    """Those of some splits that are kept to test on.

    >>> kept_to_test(["test", "train"])
    ['test']
    """
    return [split for split in splits if split in TESTED]


def check_splits(train: AbstractFeatureSource, validation: AbstractFeatureSource | None, settings: FitSettings) -> None:
    """Refuses to learn from clips that are kept to test on, or to choose an epoch by test clips unless it says so.

    Sources that do not know their splits are not judged.

    Args:
        train: The clips to learn from.
        validation: The clips to choose by.
        settings: Say whether the choice is an oracle's.

    Raises:
        ConfigError: Naming the splits.
    """
    if kept := kept_to_test(train.splits):
        raise ConfigError(
            f"clips of the split {' and '.join(kept)} are given to train on, which are kept to test on; weights and "
            "statistics come from train or unlabelled clips"
        )
    if validation is not None and "test" in validation.splits and settings.selection != "oracle":
        raise ConfigError(
            "clips of the split test are given to choose the epoch by; give clips of train or val, or set selection to "
            "oracle, which is told wherever the numbers are"
        )
