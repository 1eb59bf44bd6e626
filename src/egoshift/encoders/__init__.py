"""Models that make features: frozen ones of pixels and prompts, and those of sensors, frozen or trained."""

from egoshift.encoders.card import TowerCard, WeightCard
from egoshift.encoders.image import AbstractImageEncoder
from egoshift.encoders.load import load_image_encoder, load_text_encoder
from egoshift.encoders.pixels import PIXELS
from egoshift.encoders.precision import Precision, cpu_has_bfloat16
from egoshift.encoders.sensor import AbstractSensorEncoder
from egoshift.encoders.sensors import SENSOR_ENCODERS, load_sensor_encoder, new_sensor_encoder
from egoshift.encoders.signal import SIGNAL, SIGNALS, SensorCard, SignalEncoder, SignalSpec, SignalTower, sensor_of
from egoshift.encoders.text import AbstractTextEncoder, class_text
from egoshift.encoders.weights import weights_digest

__all__ = [
    "PIXELS",
    "SENSOR_ENCODERS",
    "SIGNAL",
    "SIGNALS",
    "AbstractImageEncoder",
    "AbstractSensorEncoder",
    "AbstractTextEncoder",
    "Precision",
    "SensorCard",
    "SignalEncoder",
    "SignalSpec",
    "SignalTower",
    "TowerCard",
    "WeightCard",
    "class_text",
    "cpu_has_bfloat16",
    "load_image_encoder",
    "load_sensor_encoder",
    "load_text_encoder",
    "new_sensor_encoder",
    "sensor_of",
    "weights_digest",
]
