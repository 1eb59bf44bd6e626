"""Trained models as ONNX files that run without this library, checked against PyTorch."""

from egoshift.prediction.export.card import ExportCard
from egoshift.prediction.export.folder import export_onnx

__all__ = ["ExportCard", "export_onnx"]
