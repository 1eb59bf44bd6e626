"""What fuzzing found, each as the smallest input that showed it."""

import json
import math
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trust.fuzz.target import Bench, Target
from trust.fuzz.targets import TARGETS

from egoshift.app.results import claim_parts
from egoshift.datasets.tables import Column, read_entries
from egoshift.datasets.vocabulary import build_vocabulary
from egoshift.encoders import load_image_encoder
from egoshift.encoders.archive import read_checkpoint
from egoshift.encoders.folder import weight_files
from egoshift.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    EgoshiftError,
    Fault,
    MediaError,
    ResultError,
    StoreError,
    WeightsError,
)
from egoshift.evaluation.episode_lists import read_episodes
from egoshift.features.store import Store
from egoshift.media.inertial import RawReadings, arrange
from egoshift.media.plain_pickle import load_plain_pickle
from tests.fixtures.checkpoints import write_clip, write_json
from tests.unit.encoders.test_archive import zipped
from tests.unit.features.examples import make_store


def refused(kind: type[EgoshiftError], target: Target, folder: Path, message: str) -> None:
    with pytest.raises(kind, match=message):
        target.read(folder)


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(TARGETS[request.param], tmp_path)


def put(bench: Bench, name: str, change: Any) -> Path:
    """Puts an input there in which a JSON file was changed."""
    (seed, path) = next((seed, path) for seed, path in bench.places() if path.name == name)
    value = json.loads(path.read_text())
    return bench.put(seed, path, json.dumps(change(value)).encode())


def test_errors_show_control_characters_by_their_codes_and_cut_endless_lines() -> None:
    fault = Fault("x", Path("a.csv"), "holds \x1b[2J\u202e\ud800\nand more", "correct it")
    assert str(fault) == "a.csv: holds \\x1b[2J\\u202e\\ud800\\nand more; correct it"
    assert str(DataError([fault, fault])).count("\n") == 1
    assert str(ConfigError("one\x07\ntwo")) == "one\\x07\ntwo"
    long = str(Fault("x", Path("a.csv"), "9" * 100_000, "write a number"))
    assert len(long) < 2100
    assert long.startswith("a.csv: 999")
    assert long.endswith("99; write a number")


def test_a_number_of_thousands_of_digits_is_a_fault() -> None:
    columns = {"n": Column("integer"), "x": Column("number")}
    table = read_entries(Path("a.json"), [{"n": 1, "x": 2}, {"n": 10**30, "x": 10**400}], columns)
    assert [fault.kind for fault in table.faults] == ["bad-value", "bad-value"]
    assert len(table.rows) == 1


@pytest.mark.parametrize("bench", ["ego4d"], indirect=True)
def test_ego4d_metadata_of_another_type_says_nothing(bench: Bench) -> None:
    def change(value: Any) -> Any:
        for video in value["videos"]:
            video["video_metadata"] = ["x"]
        return value

    folder = put(bench, "ego4d.json", change)
    bench.target.read(folder)


@pytest.mark.parametrize("bench", ["epic-kitchens"], indirect=True)
def test_epic_files_that_lack_different_columns_are_read_together(bench: Bench) -> None:
    seed, path = next((seed, path) for seed, path in bench.places() if path.name == "EPIC_100_train.csv")
    bench.target.read(bench.put(seed, path, path.read_bytes().replace(b"start_frame", b"begin_frame")))


@pytest.mark.parametrize("bench", ["epic-kitchens"], indirect=True)
@pytest.mark.parametrize("text", ["(" * 300, "-" * 50_000 + "1", "[" * 5000])
def test_epic_synonyms_nested_too_deeply_are_a_fault(bench: Bench, text: str) -> None:
    seed, path = next((seed, path) for seed, path in bench.places() if path.name == "EPIC_100_verb_classes.csv")
    content = f'id,key,instances,category\n0,take,"{text}",x\n'.encode()
    refused(DataError, bench.target, bench.put(seed, path, content), "expected a list such as")


def test_a_list_without_classes_is_refused() -> None:
    with pytest.raises(DataError, match=r"a.csv: lists no verb classes; use the original file"):
        build_vocabulary("verb", Path("a.csv"), [])


@pytest.mark.parametrize("bench", ["egtea"], indirect=True)
@pytest.mark.parametrize(
    "line", ["(,)", f"OP01-R01-X-1-2-F000001-F000002 1 {'9' * 40} 1", f"OP01-R01-X-1-2-F{'9' * 40}-F2 1 1 1"]
)
def test_egtea_lines_of_no_sense_are_faults(bench: Bench, line: str) -> None:
    seed, path = next((seed, path) for seed, path in bench.places() if path.name == "test_split1.txt")
    bench.target.read(bench.put(seed, path, path.read_bytes() + line.encode() + b"\n"))


@pytest.mark.parametrize("bench", ["mmg"], indirect=True)
@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_sensor_files_of_impossible_names_are_not_there(bench: Bench, name: str) -> None:
    seed, path = next((seed, path) for seed, path in bench.places() if path.name == "sensors.csv")
    bench.target.read(bench.put(seed, path, f"video,sensor,path\nW01,imu,{name}\n".encode()))


def test_readings_beyond_all_measure_are_left_out_and_named() -> None:
    values = np.array([[1.0], [1e308], [math.inf], [2.0]])
    found = arrange(Path("a.csv"), np.arange(4.0), [RawReadings("accelerometer", ("x",), "g", values)])
    (samples,) = found.sensors.values()
    assert samples.times_s.tolist() == [0.0, 3.0]
    assert samples.defects == {"absurd-value": 2}
    assert "accelerometer: 2 readings beyond 1e+30" in str(found.faults[0])


def test_an_array_header_that_ends_early_is_one_line(tmp_path: Path) -> None:
    make_store(tmp_path / "s", {"a": [0.0, 0.5]})
    file = tmp_path / "s" / "full.npy"
    file.write_bytes(file.read_bytes().replace(b"}", b"("))
    with pytest.raises(StoreError, match=r"full.npy: holds no float16 of shape") as error:
        Store.open(tmp_path / "s")
    assert "\n" not in str(error.value)


def test_a_manifest_without_an_array_s_hash_is_refused(tmp_path: Path) -> None:
    make_store(tmp_path / "s", {"a": [0.0, 0.5]})
    path = tmp_path / "s" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["arrays"]["full"]
    del manifest["videos"]["a"]["hashes"]["full"]
    manifest["checksum"] = ""
    path.write_text(json.dumps(manifest))
    with pytest.raises(StoreError, match=r"full.npy: .*checksum"):
        Store.open(tmp_path / "s").verify()


@pytest.mark.parametrize("sizes", [[[1]], None, "2"])
def test_episodes_of_no_size_are_refused(tmp_path: Path, sizes: object) -> None:
    episode = {"classes": ["a"], "support": [["x"]], "query": [["y"]]}
    head = {"format": "egoshift-episodes", "version": 1, "ways": sizes, "shots": 1, "queries": 1}
    path = tmp_path / "e.json"
    path.write_text(json.dumps({**head, "episodes": [episode]}))
    with pytest.raises(DataError, match="are no whole numbers"):
        read_episodes(path, ids=("x", "y"), names=("a",))


@pytest.mark.parametrize("place", [0x0FFFFFFF, 0xFFFFFFFF])
def test_a_pickle_may_not_ask_for_more_room_than_its_size(tmp_path: Path, place: int) -> None:
    content = b"\x80\x02]r" + struct.pack("<I", place) + b"."
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(MediaError, match=f"remembers a value under number {place}"):
        load_plain_pickle(tmp_path / "x.pkl")
    with pytest.raises(WeightsError, match=f"remembers a value under number {place}"):
        read_checkpoint(zipped(tmp_path / "x.pt", content))


def test_one_text_that_is_encoded_again_and_again_takes_its_room_once(tmp_path: Path) -> None:
    text = "a" * 100_000
    head = b"\x80\x02]q\x00X" + struct.pack("<I", len(text)) + text.encode() + b"q\x010"
    call = b"h\x00c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86Ra0"
    (tmp_path / "x.pkl").write_bytes(head + call * 8 + b"h\x00.")
    found = load_plain_pickle(tmp_path / "x.pkl")
    assert isinstance(found, list)
    assert len(found) == 8
    assert len({id(one) for one in found}) == 1


@pytest.mark.parametrize("name", ["cpathlib\nPath\n", "ctorch\ndevice\n"])
def test_paths_of_paths_do_not_grow_without_bound(tmp_path: Path, name: str) -> None:
    call = name.encode() + b"h\x00h\x00\x86Rq\x000"
    content = b"\x80\x02X\x64\x00\x00\x00" + b"a" * 100 + b"q\x000" + call * 7 + b"}X\x01\x00\x00\x00kh\x00s."
    found = read_checkpoint(zipped(tmp_path / "x.pt", content)).value["k"]
    assert len(found) < 5000


def test_modules_within_modules_are_not_followed_without_end(tmp_path: Path) -> None:
    def module(fields: bytes) -> bytes:
        return b"c__torch__\nM\n)\x81}(" + fields + b"ub"

    inner = module(b"".join(b"X\x04\x00\x00\x00%04dJ\x01\x00\x00\x00" % n for n in range(2500)))
    outer = module(b"".join(b"X\x02\x00\x00\x00%02dh\x00" % n for n in range(50)))
    content = b"\x80\x02" + inner + b"q\x000" + outer + b"."
    with pytest.raises(WeightsError, match="more than 100000 fields"):
        read_checkpoint(zipped(tmp_path / "x.pt", content))


def test_ordered_dicts_may_not_be_made_of_a_large_list_again_and_again(tmp_path: Path) -> None:
    large = pickle.dumps([(n, n) for n in range(3000)], 2)[:-1]
    call = b"ccollections\nOrderedDict\nh\xff\x85R0"
    content = large + b"q\xff0" + call * 400 + b"}."
    with pytest.raises(WeightsError, match="refers to the same values again and again"):
        read_checkpoint(zipped(tmp_path / "x.pt", content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 2_000_000}, "num_hidden_layers is 2000000, expected 1 to 256"),
        ({"num_hidden_layers": "x"}, "num_hidden_layers is 'x'"),
        (
            {"hidden_size": 65_536, "intermediate_size": 65_536},
            "config.json describes .* weights, and model.safetensors",
        ),
    ],
)
def test_a_configuration_larger_than_its_weights_is_refused_at_once(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    folder = write_clip(tmp_path / "clip")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"] |= change
    write_json(folder / "config.json", config)
    with pytest.raises(WeightsError, match=message):
        load_image_encoder(str(folder), precision="float32")


@pytest.mark.parametrize(
    "change", [{"resample": []}, {"rescale_factor": "x"}, {"size": 10**9}, {"image_mean": [10**400] * 3}]
)
def test_a_preparation_of_no_sense_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = write_clip(tmp_path / "clip")
    stated = json.loads((folder / "preprocessor_config.json").read_text())
    write_json(folder / "preprocessor_config.json", stated | change)
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json: "):
        load_image_encoder(str(folder), precision="float32")


@pytest.mark.parametrize("part", ["../model.safetensors", "/etc/passwd"])
def test_an_index_may_not_name_files_outside_its_folder(tmp_path: Path, part: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    folder = tmp_path / "clip"
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": part}})
    with pytest.raises(WeightsError, match="which is no file beside it"):
        weight_files("clip", folder)
    write_json(folder / "model.safetensors.index.json", {"weight_map": ["a"]})
    with pytest.raises(WeightsError, match="names weight files that are missing"):
        weight_files("clip", folder)


@pytest.mark.skipif("aria" not in TARGETS, reason="the public test assets are not here")
@pytest.mark.parametrize("bench", ["aria"], indirect=True)
@pytest.mark.parametrize("index_at", [-5, 2**62])
def test_a_recording_with_its_index_nowhere_is_refused(bench: Bench, index_at: int) -> None:
    pytest.importorskip("pyvrs", reason='the vrs package is not installed; pip install "egoshift[aria]"')
    seed, path = next((seed, path) for seed, path in bench.places() if path.name == "video.vrs")
    content = path.read_bytes()
    header = struct.pack("<q", index_at)
    refused(MediaError, bench.target, bench.put(seed, path, content[:24] + header + content[32:]), "video.vrs: ")


@pytest.mark.parametrize("bench", ["checkpoints"], indirect=True)
@pytest.mark.parametrize("size", [10**9, 10**400, -(10**9)])
def test_settings_beyond_any_size_are_refused_before_room_is_made(bench: Bench, size: int) -> None:
    seed, path = next((seed, path) for seed, path in bench.places() if path.name == "config.json")
    config = json.loads(path.read_text())
    content = json.dumps(config | {"settings": config["settings"] | {"text_dim": size}}).encode()
    refused(CheckpointError, bench.target, bench.put(seed, path, content), "config.json: ")


def test_claims_with_a_number_of_hundreds_of_digits_are_refused(tmp_path: Path) -> None:
    row = {"number": 1, "claim": "x", "claim_verdict": "x", "place": "x", "comparison": "x", "label": "noun"}
    row |= {"measure": "x", "low": None, "high": None, "left_value": 10**400, "right_value": 1, "difference": 1}
    (tmp_path / "claims.json").write_text(json.dumps([row | {"verdict": "x"}]))
    with pytest.raises(ResultError, match="is not what `egoshift claims --write` writes"):
        claim_parts(tmp_path / "claims.json")
