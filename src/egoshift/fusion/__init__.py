"""Several modalities, any of which may be missing, in; one vector and logits out. And each modality by itself."""

from collections.abc import Mapping

from egoshift.classifier import AbstractClassifier
from egoshift.fusion.classifier import Fusion
from egoshift.fusion.modules import AttentionFusion, MLPFusion, drop_modalities
from egoshift.fusion.options import PRESETS_FUSION
from egoshift.fusion.unimodal import Unimodal

FUSIONS: Mapping[str, type[AbstractClassifier]] = {"fusion": Fusion, "unimodal": Unimodal}
"""As ``METHODS``: what runs and checkpoints call them."""

__all__ = ["FUSIONS", "PRESETS_FUSION", "AttentionFusion", "Fusion", "MLPFusion", "Unimodal", "drop_modalities"]
