"""From a data card to a data set: the one function that others call."""

from collections.abc import Callable, Mapping

from egoshift.datasets.card import DataCard, Format
from egoshift.datasets.classyglass import read_classyglass
from egoshift.datasets.ego4d_fho import read_ego4d_fho
from egoshift.datasets.egtea import read_egtea
from egoshift.datasets.epic_kitchens import read_epic_kitchens
from egoshift.datasets.folder import read_folder
from egoshift.datasets.mmg import read_mmg
from egoshift.records import Dataset
from egoshift.remote import here


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
    for place in (card.annotations, card.hands, card.videos if need_videos else None):
        if place is not None:
            here(place)
    return READERS[card.format](card, need_videos)


READERS: Mapping[Format, Callable[[DataCard, bool], Dataset]] = {
    "epic-kitchens": read_epic_kitchens,
    "ego4d-fho": read_ego4d_fho,
    "egtea": read_egtea,
    "mmg": read_mmg,
    "classyglass": read_classyglass,
    "folder": read_folder,
}
"""A reader takes a data card and whether videos are needed."""
