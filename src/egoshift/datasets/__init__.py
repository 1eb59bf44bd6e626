"""Annotation files in, one table of clips out."""

from egoshift.datasets.card import DataCard
from egoshift.datasets.checks import media_faults
from egoshift.datasets.readers import READERS, load_dataset
from egoshift.datasets.vocabulary import shared_and_novel

__all__ = ["READERS", "DataCard", "load_dataset", "media_faults", "shared_and_novel"]
