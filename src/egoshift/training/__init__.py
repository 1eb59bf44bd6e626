"""One loop for every classifier: optimisers, early selection, checkpoints."""

from egoshift.training.checkpoint import Checkpoint, CheckpointConfig, load_checkpoint, read_config, save_checkpoint
from egoshift.training.devices import Accelerator
from egoshift.training.loop import fit
from egoshift.training.objectives import AlignmentTerm, Objective, PrototypeTerm
from egoshift.training.pretrained import TrainedModel
from egoshift.training.report import FitProgress, FitReport
from egoshift.training.settings import OPTIMISERS, FitSettings, Precision, learning_rate

__all__ = [
    "OPTIMISERS",
    "Accelerator",
    "AlignmentTerm",
    "Checkpoint",
    "CheckpointConfig",
    "FitProgress",
    "FitReport",
    "FitSettings",
    "Objective",
    "Precision",
    "PrototypeTerm",
    "TrainedModel",
    "fit",
    "learning_rate",
    "load_checkpoint",
    "read_config",
    "save_checkpoint",
]
