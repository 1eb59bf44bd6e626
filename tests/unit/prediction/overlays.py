"""What tests of the overlay share: predictions to draw, and overlays decoded."""

from pathlib import Path

import av
import numpy as np

from egoshift.prediction import Evidence, Prediction, Timeline
from tests.unit.prediction.timelines import segment, timeline

NO_EVIDENCE = Evidence(np.zeros(0), {})


def prediction(path: Path, made: Timeline | None = None, evidence: Evidence = NO_EVIDENCE) -> Prediction:
    given = made or timeline({"verb": (segment(0, 1, "take"), segment(1, 2, "cut", 0.4))})
    return Prediction(path, given.model_copy(update={"video": str(path)}), evidence)


def decoded(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """Times and pictures; checks on the way that the file is what it should be."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        frames = list(container.decode(stream))
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index stands first"
    return [frame.time for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]
