"""A recording and a list of words in, a timeline out; models that travel."""

from egoshift.prediction.asked import Asked
from egoshift.prediction.features import Features, Hands, PredictProgress
from egoshift.prediction.predictor import Predictor
from egoshift.prediction.timeline import BACKGROUND, Evidence, Guess, Prediction, Segment, Timeline

__all__ = [
    "BACKGROUND",
    "Asked",
    "Evidence",
    "Features",
    "Guess",
    "Hands",
    "PredictProgress",
    "Prediction",
    "Predictor",
    "Segment",
    "Timeline",
]
