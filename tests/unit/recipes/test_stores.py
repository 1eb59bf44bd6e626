"""Stores of pictures: filled, opened for a run, and refused where their encoder prepares pictures otherwise now."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from egoshift.datasets import DataCard
from egoshift.encoders import load_image_encoder
from egoshift.encoders.pixels import load_pixel_encoder
from egoshift.errors import StoreError
from egoshift.recipes import Run, fill_store
from egoshift.recipes.stores import Opened, made_from, store_folder
from tests.fixtures.checkpoints import write_clip
from tests.fixtures.videos import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "weights" / "clip")


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "v.mp4", 20, 10)
    (tmp_path / "clips.csv").write_text("video,start,stop,noun\nv,0.0,1.0,cup\nv,0.5,1.5,knife\n")
    path = tmp_path / "card.yaml"
    fields = {"name": "mine", "format": "folder", "annotations": "clips.csv", "videos": "videos"}
    path.write_text(yaml.safe_dump(fields))
    return path


def run_of(card: Path, *encoders: str, text_encoder: str) -> Run:
    streams = {f"s{number}": {"encoder": encoder} for number, encoder in enumerate(encoders)}
    fields = {"name": "r", "train": card, "method": {"name": "zero_shot"}, "streams": streams}
    return Run.model_validate(fields | {"text_encoder": text_encoder})


def test_pictures_have_a_folder_of_their_own(card: Path, clip: Path) -> None:
    names = ("openai/clip", "pixels:openai/clip", str(clip), f"pixels:{clip}")
    folders = [store_folder(DataCard.read(card), name).name for name in names]
    assert folders == ["openai--clip", "pixels--openai--clip", "clip", "pixels--clip"]


def test_a_store_of_pictures_holds_what_the_tower_sees(card: Path, clip: Path) -> None:
    store = fill_store(DataCard.read(card), f"pixels:{clip}", batch_size=4).store
    assert store.array("full").dtype == np.uint8
    assert store.array("full").shape == (6, 3 * 32 * 32)
    assert store.manifest.encoder.family == "pixels"
    store.verify()
    features = fill_store(DataCard.read(card), str(clip), precision="float32").store
    assert store.times_s.tolist() == features.times_s.tolist()
    tower = load_image_encoder(str(clip), precision="float32")
    encoded = tower.encode(torch.from_numpy(np.array(store.array("full"))).view(-1, 3, 32, 32))
    assert torch.equal(encoded.half(), torch.from_numpy(np.array(features.array("full"))))


def test_extracting_pictures_again_does_nothing_and_more_clips_are_added(card: Path, clip: Path) -> None:
    name = f"pixels:{clip}"
    first = fill_store(DataCard.read(card), name)
    before = np.array(first.store.array("full"))
    assert fill_store(DataCard.read(card), name).frames_encoded == 0
    table = card.parent / "clips.csv"
    table.write_text(table.read_text() + "v,1.5,2.0,cup\n")
    store = fill_store(DataCard.read(card), name).store
    assert len(store) == 8
    np.testing.assert_array_equal(store.array("full")[:6], before)


def test_a_run_on_pictures_alone_reads_them_and_names_their_encoder_as_its_text_encoder(card: Path, clip: Path) -> None:
    name = f"pixels:{clip}"
    run = run_of(card, name, text_encoder=str(clip))
    with pytest.raises(StoreError, match=rf"run `egoshift extract \S+ --encoder {name}` first"):
        Opened.of(run, card)
    fill_store(DataCard.read(card), name)
    opened = Opened.of(run, card)
    source = opened.features(run, opened.clips("train"), ["noun"])
    batch = source.batch(torch.tensor([1, 0]), num_frames=2)
    assert batch.streams["s0"].dtype == torch.float32
    rows = torch.tensor([[3, 5], [1, 3]])  # the stored frames at 0.75 and 1.25 s, and at 0.25 and 0.75 s
    stored = torch.from_numpy(np.array(opened.stores[name].array("full"))).float()
    assert torch.equal(batch.streams["s0"], stored[rows])


def test_a_text_encoder_that_prepared_no_stream_is_refused(card: Path, clip: Path) -> None:
    with pytest.raises(ValueError, match="made none of the streams; name one of their encoders"):
        run_of(card, f"pixels:{clip}", text_encoder="egoworld")
    assert run_of(card, f"pixels:{clip}", "egoworld", text_encoder="egoworld").text_encoder == "egoworld"


def test_pictures_prepared_otherwise_than_their_encoder_says_now_are_refused(card: Path, clip: Path) -> None:
    name = f"pixels:{clip}"
    fill_store(DataCard.read(card), name)
    file = clip / "preprocessor_config.json"
    stated = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(stated | {"image_mean": [0.5, 0.5, 0.5]}), encoding="utf-8")
    expected = load_pixel_encoder(name).card.sha256
    with pytest.raises(StoreError, match=rf'encoder.sha256 is "\w+" in this store, but "{expected}" is asked for'):
        Opened.of(run_of(card, name, text_encoder=str(clip)), card)


CHANGES = {
    "label": ("clips.csv", "1.5,knife", "1.5,cup"),
    "time": ("clips.csv", "1.5,knife", "1.4,knife"),
    "class": ("clips.csv", "knife", "spoon"),
    "split": ("clips.csv", "noun\nv,0.0,1.0,cup", "noun,split\nv,0.0,1.0,cup,val"),
    "window": ("card.yaml", "name: mine", "name: mine\nwindow_s: 0.2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_data_set_read_otherwise_has_another_digest(card: Path, clip: Path, change: str) -> None:
    fill_store(DataCard.read(card), str(clip))
    run = run_of(card, str(clip), text_encoder=str(clip))
    before = Opened.of(run, card)
    assert Opened.of(run, card).data_digest == before.data_digest
    name, old, new = CHANGES[change]
    file = card.parent / name
    file.write_text(file.read_text().replace(old, new))
    after = Opened.of(run, card)
    assert after.data_digest != before.data_digest
    assert made_from(run, after.stores) == made_from(run, before.stores), "features alone do not tell"
