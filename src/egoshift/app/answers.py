"""A prediction as the page draws it: the timeline, the likeliest classes of every step, and where the hands were."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from egoshift.app.recordings import Recording
from egoshift.prediction.timeline import Prediction, Timeline

TOP_K = 5


@dataclass(frozen=True)
class Answer:
    """What is kept of a prediction, which is much less than all its probabilities.

    Attributes:
        timeline: The recording's, by the name that the person knows.
        told: What the page is told.
        hand_times_s: When the hand crops were looked at.
        hand_boxes: Where they were, as shares of the frame.
    """

    timeline: Timeline
    told: dict[str, object]
    hand_times_s: Float64[np.ndarray, " crops"]
    hand_boxes: Float32[np.ndarray, "crops 4"]


def make_answer(prediction: Prediction, recording: Recording) -> Answer:
    """What the page needs of a prediction, without any path of the server."""
    timeline, evidence = prediction.timeline, prediction.evidence
    notices = tuple(recording.public(notice) for notice in timeline.notices)
    timeline = timeline.model_copy(update={"video": recording.name, "notices": notices})
    told: dict[str, object] = {
        "timeline": timeline.model_dump(mode="json"),
        "leading": timeline.leading,
        "times_s": [round(float(time), 3) for time in evidence.times_s],
        "top": {label: top_of_steps(table) for label, table in evidence.probabilities.items()},
        "hands": {
            "times_s": [round(float(time), 3) for time in evidence.hand_times_s],
            "boxes": [[round(float(edge), 4) for edge in box] for box in evidence.hand_boxes],
            "origins": [int(origin) for origin in evidence.hand_origins],
        },
    }
    return Answer(timeline, told, evidence.hand_times_s, evidence.hand_boxes)


def top_of_steps(probabilities: Float32[np.ndarray, "steps classes"]) -> list[list[tuple[int, float]]]:
    """The ``TOP_K`` likeliest classes of every step with their probabilities, the best first; none where NaN.

    >>> top_of_steps(np.array([[0.25, 0.75], [np.nan, np.nan]], np.float32))
    [[(1, 0.75), (0, 0.25)], []]
    """
    given = []
    for row in probabilities:
        order = () if np.isnan(row).any() else np.argsort(-row, kind="stable")[:TOP_K].tolist()
        given.append([(index, round(float(row[index]), 4)) for index in order])
    return given
