"""One loop for every classifier: optimisers, early selection, checkpoints."""

from egoshift.training.settings import OPTIMISERS, FitSettings, learning_rate

__all__ = ["OPTIMISERS", "FitSettings", "learning_rate"]
