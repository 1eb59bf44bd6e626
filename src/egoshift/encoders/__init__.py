"""Frozen models: pixels or prompts in, features out."""

from egoshift.encoders.card import TowerCard, WeightCard
from egoshift.encoders.image import AbstractImageEncoder
from egoshift.encoders.load import load_image_encoder, load_text_encoder
from egoshift.encoders.pixels import PIXELS
from egoshift.encoders.precision import Precision, cpu_has_bfloat16
from egoshift.encoders.text import AbstractTextEncoder, class_text
from egoshift.encoders.weights import weights_digest

__all__ = [
    "PIXELS",
    "AbstractImageEncoder",
    "AbstractTextEncoder",
    "Precision",
    "TowerCard",
    "WeightCard",
    "class_text",
    "cpu_has_bfloat16",
    "load_image_encoder",
    "load_text_encoder",
    "weights_digest",
]
