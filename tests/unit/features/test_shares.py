"""What a process gets of a batch that several share: its rows of the batch that one process would see."""

from pathlib import Path

import pytest
import torch

from egoshift.features import (
    AbstractFeatureSource,
    JoinedFeatures,
    SeenBy,
    SignalFeatures,
    StoredFeatures,
    TensorFeatures,
)
from egoshift.prediction.examples import SegmentFeatures
from egoshift.records import Label

from .examples import clip_table, make_store
from .sensing import IMU, dataset, write_ramp

CLIPS = [("a", 0.0, 2.0), ("b", 1.3, 4.1), ("a", 3.0, 4.9), ("b", 2.26, 3.4), ("b", 0.1, 1.8)]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, AbstractFeatureSource]:
    store = make_store(tmp_path / "store", {"b": [k / 4 for k in range(40)], "a": [k / 4 for k in range(20)]})
    recordings = dataset({name: write_ramp(tmp_path / f"{name}.csv", 6.0) for name in "ab"}, IMU, CLIPS)
    stored = StoredFeatures({"full": (store, "full")}, clip_table(CLIPS), ["verb"])
    signals = SignalFeatures(recordings, recordings.clips, IMU, ["verb"])
    frames, targets = torch.randn(5, 9, 4), dict[Label, torch.Tensor]({"verb": torch.arange(5)})
    segments = SegmentFeatures({"full": frames}, {"imu": torch.randn(5, 6, 2)}, targets, tuple("abcde"), {})
    joined = JoinedFeatures([stored, signals])
    tensors = TensorFeatures({"full": frames, "other": frames[:, 0]}, targets)
    found = {"stored": stored, "signals": signals, "joined": joined, "seen": SeenBy(joined, ("imu",))}
    return found | {"tensors": tensors, "segments": segments}


@pytest.mark.parametrize("name", ["stored", "signals", "joined", "seen", "tensors", "segments"])
@pytest.mark.parametrize("share", [slice(0, None, 2), slice(1, None, 2), slice(1)])
def test_a_share_is_some_rows_of_the_whole_batch(sources, name, share):
    batch = torch.tensor([3, 0, 4, 1, 2])
    seed = torch.Generator().manual_seed
    whole = sources[name].batch(batch, num_frames=3, generator=seed(5))
    part = sources[name].batch(batch, num_frames=3, generator=seed(5), share=share)
    assert set(part.streams) == set(whole.streams)
    for stream, values in whole.streams.items():
        torch.testing.assert_close(part.streams[stream], values[share], rtol=0, atol=0, equal_nan=True)
    for kind in ("present", "targets"):
        found = getattr(part, kind)
        assert {key: values[share].tolist() for key, values in getattr(whole, kind).items()} == {
            key: values.tolist() for key, values in found.items()
        }
