"""Every classifier that a run or a checkpoint may name, from whichever room."""

from collections.abc import Mapping

from egoshift.classifier import AbstractClassifier
from egoshift.fusion import FUSIONS
from egoshift.methods import METHODS

CLASSIFIERS: Mapping[str, type[AbstractClassifier]] = {**METHODS, **FUSIONS}
"""By the name that runs and checkpoints call it."""
