"""From a data card to a data set: the one function that others call."""

from collections.abc import Callable, Mapping

from egoshift.datasets.card import DataCard
from egoshift.records import Dataset


def load_dataset(card: DataCard, *, need_videos: bool = True) -> Dataset:
    """Reads a data set's annotation files and finds its videos.

    Args:
        card: Which files, in which format.
        need_videos: Leave out (and name in ``faults``) clips whose video is not there. False keeps them: enough for
            training and evaluation on features that were extracted elsewhere.

    Returns:
        The usable clips; every row that was left out is named in ``faults``.

    Raises:
        DataError: Whole files cannot be used; names all that is wrong with them.
    """
    return READERS[card.format](card, need_videos)


def _pending(card: DataCard, need_videos: bool) -> Dataset:
    raise AssertionError("the reader is about to follow")


READERS: Mapping[str, Callable[[DataCard, bool], Dataset]] = {
    "epic-kitchens": _pending,
    "ego4d-fho": _pending,
    "egtea": _pending,
    "folder": _pending,
}
