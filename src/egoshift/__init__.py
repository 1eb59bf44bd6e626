"""Recognise what the wearer of a camera is doing when something has shifted since training.

The names below are the library's short way: features and class text in, a fitted method and its scores out. Each is
imported from its room when it is first used, so that ``import egoshift`` costs nothing.
"""

from typing import TYPE_CHECKING, Any

from egoshift.lazy import lazy

if TYPE_CHECKING:
    from egoshift.classifier import ClassText, StreamBatch
    from egoshift.encoders import class_text, load_image_encoder, load_text_encoder
    from egoshift.evaluation import FewShotSettings, build_modality_result, evaluate_scores, predict, score_modalities
    from egoshift.features import StoredFeatures, TensorFeatures
    from egoshift.fusion import Fusion, Unimodal
    from egoshift.methods import (
        XMIC,
        CLIPAdapter,
        CLIPLoRA,
        CoCoOp,
        CoOp,
        EfficientPrompt,
        LinearProbe,
        TipAdapter,
        VitaCLIP,
        ZeroShot,
    )
    from egoshift.prediction import Predictor, Timeline
    from egoshift.training import AlignmentTerm, FitSettings, Objective, PrototypeTerm, TrainedModel, fit

__all__ = [
    "XMIC",
    "AlignmentTerm",
    "CLIPAdapter",
    "CLIPLoRA",
    "ClassText",
    "CoCoOp",
    "CoOp",
    "EfficientPrompt",
    "FewShotSettings",
    "FitSettings",
    "Fusion",
    "LinearProbe",
    "Objective",
    "Predictor",
    "PrototypeTerm",
    "StoredFeatures",
    "StreamBatch",
    "TensorFeatures",
    "Timeline",
    "TipAdapter",
    "TrainedModel",
    "Unimodal",
    "VitaCLIP",
    "ZeroShot",
    "build_modality_result",
    "class_text",
    "evaluate_scores",
    "fit",
    "load_image_encoder",
    "load_text_encoder",
    "predict",
    "score_modalities",
]

_ROOMS = {
    "classifier": ("ClassText", "StreamBatch"),
    "encoders": ("class_text", "load_image_encoder", "load_text_encoder"),
    "evaluation": ("FewShotSettings", "build_modality_result", "evaluate_scores", "predict", "score_modalities"),
    "features": ("StoredFeatures", "TensorFeatures"),
    "fusion": ("Fusion", "Unimodal"),
    "methods": (
        "CLIPAdapter",
        "CLIPLoRA",
        "CoCoOp",
        "CoOp",
        "EfficientPrompt",
        "LinearProbe",
        "TipAdapter",
        "VitaCLIP",
        "XMIC",
        "ZeroShot",
    ),
    "prediction": ("Predictor", "Timeline"),
    "training": ("AlignmentTerm", "FitSettings", "Objective", "PrototypeTerm", "TrainedModel", "fit"),
}


def __getattr__(name: str) -> Any:
    return lazy(__name__, _ROOMS, name)


def __dir__() -> list[str]:
    return sorted(__all__)
