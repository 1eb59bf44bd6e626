"""Every format has its reader, and every reader keeps the same promises."""

from typing import get_args

from egoshift import datasets
from egoshift.datasets.card import Format


def test_every_format_has_a_reader() -> None:
    assert set(datasets.READERS) == set(get_args(Format))


def test_the_room_offers_these_names() -> None:
    assert datasets.__all__ == [
        "READERS",
        "DataCard",
        "SensorCoverage",
        "clean_ego4d_name",
        "clean_egtea_name",
        "clean_epic_name",
        "clean_own_name",
        "ego4d_synonyms",
        "load_dataset",
        "media_faults",
        "read_synonyms",
        "sensor_coverage",
        "shared_and_novel",
    ]
