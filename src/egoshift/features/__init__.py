"""Encode once, read many: extraction, the time-keyed store, batches. The only room that opens media."""

from egoshift.features.batches import AbstractFeatureSource
from egoshift.features.check import CheckReport, check
from egoshift.features.extract import ExtractReport, extract
from egoshift.features.joined import JoinedFeatures
from egoshift.features.manifest import Manifest, VideoEntry, View
from egoshift.features.plan import FramePlan
from egoshift.features.progress import ExtractProgress
from egoshift.features.seen import SeenBy
from egoshift.features.sensing import extract_sensor
from egoshift.features.signals import SignalFeatures
from egoshift.features.store import Store
from egoshift.features.stored import StoredFeatures
from egoshift.features.tensors import TensorFeatures
from egoshift.features.work import Workers

__all__ = [
    "AbstractFeatureSource",
    "CheckReport",
    "ExtractProgress",
    "ExtractReport",
    "FramePlan",
    "JoinedFeatures",
    "Manifest",
    "SeenBy",
    "SignalFeatures",
    "Store",
    "StoredFeatures",
    "TensorFeatures",
    "VideoEntry",
    "View",
    "Workers",
    "check",
    "extract",
    "extract_sensor",
]
