import pytest
import torch

from egoshift.errors import DataError
from egoshift.features import TensorFeatures


def numbered(n: int, frames: int) -> torch.Tensor:
    """Sample i, frame f holds (i, f)."""
    rows, columns = torch.meshgrid(torch.arange(n), torch.arange(frames), indexing="ij")
    return torch.stack([rows, columns], -1).float()


@pytest.mark.parametrize(("frames", "num_frames"), [(8, 4), (9, 4), (16, 3), (5, 4)])
def test_centres_equal_a_slow_choice_of_one_frame_per_bin(frames, num_frames):
    batch = TensorFeatures({"full": numbered(3, frames)}).batch(torch.tensor([2, 0]), num_frames=num_frames)
    expected = [[[sample, int((k + 0.5) * frames / num_frames)] for k in range(num_frames)] for sample in (2, 0)]
    torch.testing.assert_close(batch.streams["full"], torch.tensor(expected).float(), rtol=0, atol=0)


def test_random_frames_stay_in_their_bins_and_reach_every_frame():
    source = TensorFeatures({"full": numbered(2, 10)})
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat(
        [source.batch(torch.tensor([1]), num_frames=5, generator=generator).streams["full"] for _ in range(60)]
    )
    assert (drawn[..., 1] // 2 == torch.arange(5)).all()
    assert set(drawn[..., 1].flatten().tolist()) == set(range(10))


def test_all_streams_of_one_length_show_the_same_frames():
    source = TensorFeatures({"full": numbered(3, 12), "hand": numbered(3, 12) + 100})
    batch = source.batch(torch.arange(3), num_frames=4, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(batch.streams["full"] + 100, batch.streams["hand"])


def test_all_frames_are_given_where_there_are_no_more_than_asked_for():
    source = TensorFeatures({"full": numbered(3, 4), "one": torch.ones(3, 7)})
    batch = source.batch(torch.tensor([1]), num_frames=16, generator=torch.Generator())
    torch.testing.assert_close(batch.streams["full"], numbered(3, 4)[[1]])
    assert batch.streams["one"].shape == (1, 1, 7)


def test_halves_become_single_precision():
    batch = TensorFeatures({"full": torch.ones(2, 3, 4, dtype=torch.float16)}).batch(torch.tensor([0]), num_frames=2)
    assert batch.streams["full"].dtype == torch.float32


def test_labels_groups_and_sizes_are_given_as_they_came():
    source = TensorFeatures({"full": torch.zeros(3, 2, 5)}, {"verb": [1, -1, 0]}, ["u", "u", "w"])
    assert (len(source), source.groups, source.streams, source.dims) == (3, ("u", "u", "w"), ("full",), {"full": 5})
    assert source.batch(torch.tensor([2, 1]), num_frames=1).targets["verb"].tolist() == [0, -1]
    assert TensorFeatures({"full": torch.zeros(3, 5)}).groups == ("0", "1", "2")
    assert source.dropped == ()


def test_a_subset_is_a_source_of_its_own():
    source = TensorFeatures({"full": numbered(4, 2)}, {"noun": torch.tensor([3, 2, 1, 0])}, "abcd")
    chosen = source.subset(torch.tensor([3, 1]))
    assert (len(chosen), chosen.groups) == (2, ("d", "b"))
    assert chosen.targets["noun"].tolist() == [0, 2]
    torch.testing.assert_close(chosen.batch(torch.tensor([1]), num_frames=2).streams["full"], numbered(4, 2)[[1]])


def test_who_has_a_stream_goes_with_batches_and_subsets():
    here = {"sound": torch.tensor([True, False, True, False])}
    sound = numbered(4, 2).masked_fill(~here["sound"].view(-1, 1, 1), torch.nan)
    source = TensorFeatures({"full": numbered(4, 2), "sound": sound}, {"noun": [3, 2, 1, 0]}, present=here)
    batch = source.batch(torch.tensor([3, 2, 2]), num_frames=2)
    assert list(batch.present) == ["sound"]
    assert batch.present["sound"].tolist() == [False, True, True]
    chosen = source.subset(torch.tensor([3, 0, 1])).batch(torch.tensor([1, 2]), num_frames=1)
    assert chosen.present["sound"].tolist() == [True, False]
    assert chosen.targets["noun"].tolist() == [3, 2]
    assert TensorFeatures({"full": torch.zeros(2, 3)}).batch(torch.arange(2), num_frames=1).present == {}


def test_only_rows_of_samples_that_have_the_stream_must_be_finite():
    features = torch.zeros(4, 3, 2)
    features[1:, 2, 0] = torch.nan
    here = torch.tensor([True, False, True, False])
    with pytest.raises(DataError, match=r"stream 'hand': row 2 holds NaN or infinity \(1 of 4 rows do\)"):
        TensorFeatures({"full": torch.zeros(4, 2), "hand": features}, present={"hand": here})
    with pytest.raises(DataError, match=r"stream 'hand': row 1 holds NaN or infinity \(3 of 4 rows do\)"):
        TensorFeatures({"full": torch.zeros(4, 2), "hand": features}, present={"full": here})


@pytest.mark.parametrize(
    ("present", "message"),
    [
        ({"gaze": torch.ones(3, dtype=torch.bool)}, "present 'gaze': is no stream; there are full"),
        ({"full": torch.ones(2, dtype=torch.bool)}, r"present 'full': has shape \(2,\) of torch.bool, expected \(3,\)"),
        ({"full": torch.ones(3)}, r"has shape \(3,\) of torch.float32, expected \(3,\) of booleans; give one boolean"),
    ],
)
def test_a_presence_that_does_not_fit_is_named(present, message):
    with pytest.raises(DataError, match=message):
        TensorFeatures({"full": torch.zeros(3, 2)}, present=present)


def test_no_samples_are_a_source_too():
    source = TensorFeatures({"full": torch.zeros(0, 2, 5)}, {"verb": []})
    assert len(source) == 0
    assert source.batch(torch.zeros(0, dtype=torch.int64), num_frames=1).streams["full"].shape == (0, 1, 5)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_nan_is_one_line_naming_stream_and_row(value):
    features = torch.zeros(4, 3, 2)
    features[2, 1, 0] = features[3, 0, 0] = value
    with pytest.raises(DataError, match=r"stream 'hand': row 2 holds NaN or infinity \(2 of 4 rows do\)"):
        TensorFeatures({"full": torch.zeros(4, 2), "hand": features})


@pytest.mark.parametrize(
    ("streams", "targets", "groups", "message"),
    [
        ({}, {}, None, "no stream given"),
        ({"full": torch.zeros(3)}, {}, None, r"stream 'full': has shape \(3,\) of torch.float32, expected \(n, frames"),
        ({"full": torch.zeros(3, 2, dtype=torch.int64)}, {}, None, "of torch.int64, expected"),
        ({"full": torch.zeros(3, 2), "hand": torch.zeros(4, 2)}, {}, None, "rows differ: 'full' has 3, 'hand' has 4"),
        ({"full": torch.zeros(3, 2)}, {"verb": [0, 1]}, None, r"targets 'verb': has shape \(2,\), expected \(3,\)"),
        ({"full": torch.zeros(3, 2)}, {"verb": [0, 1, -2]}, None, "down to -2, expected class indices"),
        ({"full": torch.zeros(3, 2)}, {"verb": torch.tensor([0.5, 1, 2])}, None, "holds torch.float32 values"),
        ({"full": torch.zeros(3, 2)}, {}, ["a"], "groups: has 1 entries, expected 3"),
    ],
)
def test_what_does_not_fit_is_named(streams, targets, groups, message):
    with pytest.raises(DataError, match=message):
        TensorFeatures(streams, targets, groups)


def test_all_faults_are_named_together():
    with pytest.raises(DataError) as caught:
        TensorFeatures({"full": torch.zeros(3, 2)}, {"verb": [0], "noun": [0, 1]}, ["a"])
    assert len(caught.value.faults) == 3
