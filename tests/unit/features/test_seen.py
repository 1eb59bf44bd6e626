import torch

from egoshift.features import SeenBy, TensorFeatures

STREAMS = {"video": torch.arange(12.0).view(4, 3), "audio": torch.ones(4, 2), "imu": torch.zeros(4, 1)}
PRESENT = {"audio": torch.tensor([True, False, True, False]), "imu": torch.tensor([False, True, True, True])}
SOURCE = TensorFeatures(STREAMS, {"verb": [0, 1, -1, 2]}, ["a", "a", "b", "b"], PRESENT)


def test_only_the_streams_that_are_seen_are_given():
    seen = SeenBy(SOURCE, ("audio", "video"))
    assert seen.dims == {"video": 3, "audio": 2}
    assert set(seen.present) == {"audio"}
    assert (len(seen), seen.groups, seen.dropped, seen.spans) == (4, SOURCE.groups, (), None)
    batch, whole = (source.batch(torch.tensor([3, 0]), num_frames=1) for source in (seen, SOURCE))
    assert set(batch.streams) == {"video", "audio"}
    for name, values in batch.streams.items():
        assert torch.equal(values, whole.streams[name])
    assert batch.present["audio"].tolist() == [False, True]
    assert set(batch.present) == {"audio"}
    assert batch.targets["verb"].tolist() == [2, 0]


def test_a_subset_sees_the_same_streams_of_its_samples():
    chosen = SeenBy(SOURCE, ("imu",)).subset(torch.tensor([1, 3]))
    assert (len(chosen), set(chosen.dims), chosen.groups) == (2, {"imu"}, ("a", "b"))
    assert chosen.present["imu"].tolist() == [True, True]
    assert chosen.targets["verb"].tolist() == [1, 2]
