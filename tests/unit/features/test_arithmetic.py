"""The error of an encoder's arithmetic: measured on the frames that come first, kept, and never mixed."""

import re
from dataclasses import replace

import numpy as np
import pytest

from egoshift.encoders import load_image_encoder
from egoshift.errors import DataError, StoreError
from egoshift.features import Store, extract
from egoshift.features.arithmetic import FRAMES, measure_error
from egoshift.features.manifest import FeatureError, Manifest
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video

from .examples import BLOCKS_CARD, BlockEncoder, contents, example_dataset

CLIPS = [("v1", 0.0, 2.0), ("v2", 0.0, 2.0), ("v3", 0.0, 2.0)]


class Skewed(BlockEncoder):
    """Blocks whose features are turned away from the exact ones by a known angle, or by more."""

    def __init__(self, share: float):
        super().__init__()
        self.card = BLOCKS_CARD.model_copy(update={"dtype": "bfloat16"})
        self.share = share
        self.other = BlockEncoder()

    def exact(self):
        return self.other

    def encode(self, images):
        features = super().encode(images)
        return features + self.share * features.roll(1, dims=1)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return {name: write_video(folder / f"{name}.mp4", 20, 10) for name in ("v1", "v2", "v3")}


def test_the_error_is_one_minus_cosine_of_the_first_frames_taken_one_by_one():
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES + 4, 48, 64, 3), dtype=np.uint8)
    encoder = Skewed(0.1)
    found = measure_error(encoder, iter(frames), batch_size=5)
    errors = []
    for frame in frames[:FRAMES]:
        image = BlockEncoder().prepare(frame)[None]
        one, other = (tower.encode(image)[0].double().numpy() for tower in (BlockEncoder(), Skewed(0.1)))
        errors.append(1 - one @ other / np.sqrt((one @ one) * (other @ other)))
    assert found is not None
    assert found.frames == FRAMES
    assert found.mean == pytest.approx(np.mean(errors), rel=0.05)
    assert found.max == pytest.approx(np.max(errors), rel=0.05)
    assert found.max > found.mean > 0
    assert set(encoder.batch_sizes) == {5}
    assert encoder.other.num_images == FRAMES + -FRAMES % 5


def test_nothing_is_measured_without_need():
    frames = [np.zeros((8, 8, 3), np.uint8)]
    assert measure_error(BlockEncoder(), frames, 4) is None
    assert measure_error(Skewed(0.1), [], 4) is None


def test_a_store_says_how_far_its_features_are_and_keeps_it(videos, tmp_path):
    data = example_dataset(videos, CLIPS)
    report = extract(data, Skewed(0.1), tmp_path / "s", batch_size=4)
    first = report.error
    assert first is not None
    assert report.notices == ()
    assert Manifest.read(tmp_path / "s" / "manifest.json").error == first
    before = contents(tmp_path / "s")
    again = Skewed(0.1)
    assert extract(data, again, tmp_path / "s", batch_size=4).error == first
    assert (again.num_images, again.other.num_images) == (0, 0)
    assert contents(tmp_path / "s") == before


def test_an_extended_store_keeps_the_first_error(videos, tmp_path):
    first = extract(example_dataset(videos, CLIPS[:1]), Skewed(0.1), tmp_path / "s").error
    encoder = Skewed(0.1)
    assert extract(example_dataset(videos, CLIPS), encoder, tmp_path / "s").error == first
    assert encoder.other.num_images == 0
    whole = extract(example_dataset(videos, CLIPS), Skewed(0.1), tmp_path / "whole").store
    assert whole.manifest.arrays == Store.open(tmp_path / "s").manifest.arrays


def test_an_interrupted_store_keeps_the_error_that_was_measured(videos, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(state):
        if state.videos_done:
            raise StoppedError

    data = example_dataset(videos, CLIPS)
    with pytest.raises(StoppedError):
        extract(data, Skewed(0.1), tmp_path / "s", batch_size=4, progress=stop)
    assert Manifest.read(tmp_path / "s" / "unfinished" / "manifest.json").error is not None
    encoder = Skewed(0.1)
    extract(data, encoder, tmp_path / "s", batch_size=4)
    assert encoder.other.num_images == 0
    extract(data, Skewed(0.1), tmp_path / "whole", batch_size=4)
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_a_store_without_the_error_gets_it_with_its_next_video(videos, tmp_path):
    extract(example_dataset(videos, CLIPS[:1]), Skewed(0.1), tmp_path / "s", compare=False)
    assert Store.open(tmp_path / "s").manifest.error is None
    assert extract(example_dataset(videos, CLIPS[:1]), Skewed(0.1), tmp_path / "s").error is None
    assert extract(example_dataset(videos, CLIPS), Skewed(0.1), tmp_path / "s").error is not None


def test_a_large_error_is_told_with_a_remedy(videos, tmp_path):
    report = extract(example_dataset(videos, CLIPS), Skewed(5.0), tmp_path / "s")
    assert report.error is not None
    assert report.error.mean > 0.01
    (notice,) = report.notices
    assert "more than 0.01; extract into another folder with precision float32 and runtime torch" in notice


def test_unreadable_videos_are_passed_over_and_told_of_as_before(videos, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(videos["v1"].read_bytes()[:2000])
    data = example_dataset({**videos, "broken": tmp_path / "broken.mp4"}, [("broken", 0.0, 1.0), *CLIPS])
    report = extract(data, Skewed(0.1), tmp_path / "s")
    assert report.error is not None
    assert list(report.store.manifest.failed) == ["broken"]
    nothing = replace(data, clips=data.clips[:1], videos={"broken": tmp_path / "broken.mp4"})
    with pytest.raises(DataError):
        extract(nothing, Skewed(0.1), tmp_path / "none")


def test_features_of_two_runtimes_are_not_mixed(videos, tmp_path):
    name = str(write_clip(tmp_path / "clip"))
    data = example_dataset(videos, CLIPS[:1])
    torch_one = load_image_encoder(name, precision="bfloat16")
    store = extract(data, torch_one, tmp_path / "s").store
    assert isinstance(store.manifest.error, FeatureError)
    assert 0 < store.manifest.error.mean < 1e-3
    other = load_image_encoder(name, precision="bfloat16")
    other.card = other.card.model_copy(update={"runtime": "compiled"})
    with pytest.raises(StoreError, match=r'encoder\.runtime is "torch" in this store, but "compiled" is asked for'):
        extract(data, other, tmp_path / "s")
    with pytest.raises(StoreError, match=r"encoder.dtype is \"bfloat16\""):
        extract(data, load_image_encoder(name, precision="float32"), tmp_path / "s")
    assert extract(data, load_image_encoder(name, precision="float32"), tmp_path / "f").error is None


def test_a_manifest_of_before_says_torch(videos, tmp_path):
    store = extract(example_dataset(videos, CLIPS[:1]), BlockEncoder(), tmp_path / "s").store
    path = tmp_path / "s" / "manifest.json"
    text = path.read_text().replace(',\n  "runtime": "torch"', "").replace(',\n "error": null', "")
    assert "runtime" not in text
    assert "error" not in text
    path.write_text(re.sub(',\n "checksum": ".*"', "", text))
    assert Store.open(tmp_path / "s").manifest == store.manifest
    assert len(extract(example_dataset(videos, CLIPS), BlockEncoder(), tmp_path / "s").store) == 24
