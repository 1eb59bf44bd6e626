"""Several modalities, any of which may be missing, in; one vector and logits out."""

from collections.abc import Mapping

from egoshift.classifier import AbstractClassifier
from egoshift.fusion.classifier import Fusion
from egoshift.fusion.modules import AttentionFusion, MLPFusion, drop_modalities
from egoshift.fusion.options import PRESETS_FUSION

FUSIONS: Mapping[str, type[AbstractClassifier]] = {"fusion": Fusion}
"""As ``METHODS``: what runs and checkpoints call them."""

__all__ = ["FUSIONS", "PRESETS_FUSION", "AttentionFusion", "Fusion", "MLPFusion", "drop_modalities"]
