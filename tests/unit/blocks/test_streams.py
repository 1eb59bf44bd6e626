"""What methods read from a batch."""

import pytest
import torch
from torch import Tensor

from egoshift.blocks.streams import (
    choice,
    mean_of_raw,
    mean_of_unit,
    presence,
    read_stream,
    read_text,
    stream_names,
    video_vectors,
)
from egoshift.classifier import ClassText, StreamBatch
from egoshift.errors import ConfigError

BOTH = torch.tensor([[[3.0, 4.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]])
ONLY_FIRST, ONLY_SECOND = torch.tensor([True, False]), torch.tensor([False, True])


def test_mean_of_raw_weighs_frames_by_their_length() -> None:
    torch.testing.assert_close(mean_of_raw(BOTH), torch.tensor([[3.0, 5.0], [34**0.5, 0.0]]) / 34**0.5)


def test_mean_of_unit_weighs_frames_equally() -> None:
    mean = torch.tensor([0.6, 1.8])
    torch.testing.assert_close(mean_of_unit(BOTH), torch.stack([mean / mean.norm(), torch.tensor([1.0, 0.0])]))


@pytest.mark.parametrize("names", ["full", [], ["full", "full"]])
def test_stream_names_must_be_a_list_of_different_names(names: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"streams is .* give a list of one or more different stream names"):
        stream_names("streams", names)


def test_an_option_outside_its_choices_names_them() -> None:
    with pytest.raises(ConfigError, match=r"pooling is 'max'; give one of 'mean', 'sum'"):
        choice("pooling", "max", ("mean", "sum"))


def test_an_unknown_stream_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"reads stream 'hand', the features hold full, depth"):
        read_stream(StreamBatch({"full": BOTH, "depth": BOTH}), "hand")


def test_a_stream_of_another_width_names_both() -> None:
    with pytest.raises(ConfigError, match=r"stream 'full' is 2 wide, the method was made for 512"):
        read_stream(StreamBatch({"full": BOTH}), "full", 512)


def test_class_text_of_another_width_names_both() -> None:
    with pytest.raises(ConfigError, match=r"class text is 3 wide, expected 2"):
        read_text(ClassText(torch.zeros(4, 3)), 2)


def test_a_half_precision_stream_is_read_in_single_precision() -> None:
    assert read_stream(StreamBatch({"full": BOTH.half()}), "full").dtype == torch.float32


def test_an_absent_stream_is_read_as_zeros_whatever_it_holds() -> None:
    frames = torch.stack([BOTH[0], torch.full((2, 2), torch.nan)])
    expected = torch.stack([BOTH[0], torch.zeros(2, 2)])
    assert torch.equal(read_stream(StreamBatch({"full": frames}, {"full": ONLY_FIRST}), "full"), expected)


def test_presence_is_known_only_where_some_stream_states_it() -> None:
    batch = StreamBatch({"full": BOTH, "hand": BOTH, "gaze": BOTH}, {"hand": ONLY_FIRST})
    assert presence(batch, ["full", "gaze"]) is None
    stated = presence(batch, ["full", "hand"])
    assert stated is not None
    assert torch.equal(stated, torch.tensor([[True, True], [True, False]]))


def video(present: dict[str, Tensor]) -> Tensor:
    batch = StreamBatch({"full": BOTH, "hand": BOTH.flip(-1)}, present)
    return video_vectors(batch, ["full", "hand"], "mean-of-unit")


def test_several_streams_give_their_mean_direction() -> None:
    total = mean_of_unit(BOTH) + mean_of_unit(BOTH.flip(-1))
    torch.testing.assert_close(video({}), total / total.norm(dim=1, keepdim=True))


def test_a_clip_without_one_stream_is_classified_by_the_other() -> None:
    expected = torch.stack([mean_of_unit(BOTH)[0], mean_of_unit(BOTH.flip(-1))[1]])
    torch.testing.assert_close(video({"full": ONLY_FIRST, "hand": ONLY_SECOND}), expected)


def test_clips_without_any_classified_stream_are_refused_and_counted() -> None:
    with pytest.raises(ConfigError, match=r"1 of 2 clips have none of the streams to classify \(full, hand\)"):
        video({"full": ONLY_FIRST, "hand": ONLY_FIRST})
