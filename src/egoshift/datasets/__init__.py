"""Annotation files in, one table of clips out."""

from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import media_faults
from egoshift.datasets.readers import READERS, load_dataset
from egoshift.datasets.sensors import SensorCoverage, sensor_coverage
from egoshift.datasets.vocabulary import (
    clean_ego4d_name,
    clean_egtea_name,
    clean_epic_name,
    clean_own_name,
    ego4d_synonyms,
    read_synonyms,
    shared_and_novel,
)

__all__ = [
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
