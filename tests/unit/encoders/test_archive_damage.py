"""Checkpoint files that are cut short, damaged, made by hand or of another kind are one line each."""

import io
import pickle
import random
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from egoshift.encoders.archive import read_checkpoint
from egoshift.errors import WeightsError
from tests.unit.encoders.test_archive import refused, zipped


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("whole") / "x.pt"
    torch.save({"state_dict": {f"layer.{i}": torch.randn(20, 10) for i in range(5)}, "epoch": 3}, file)
    return file.read_bytes()


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_one_line_with_its_size(tmp_path: Path, whole: bytes, share: float) -> None:
    (tmp_path / "x.pt").write_bytes(whole[: int(len(whole) * share)])
    refused(tmp_path / "x.pt", r"bytes\) is not a whole checkpoint \(.*\); fetch it again")


def test_a_safetensors_file_cut_short_is_one_line_with_its_size(tmp_path: Path) -> None:
    save_file({"a": torch.ones(100)}, tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").write_bytes((tmp_path / "x.safetensors").read_bytes()[:-20])
    refused(tmp_path / "x.safetensors", r"bytes\) is not a whole safetensors file")


def test_a_file_damaged_anywhere_is_read_or_refused_and_never_fails_otherwise(tmp_path: Path, whole: bytes) -> None:
    outcomes = {"read": 0, "refused": 0}
    chosen = random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chosen.choice((1, 5, 40))):
            damaged[chosen.randrange(4, 700)] = chosen.randrange(256)  # the pickle lies at the start
        (tmp_path / "x.pt").write_bytes(damaged)
        try:
            read_checkpoint(tmp_path / "x.pt")
            message = "read"
        except WeightsError as error:
            message = str(error)
        assert "\n" not in message
        outcomes["read" if message == "read" else "refused"] += 1
    assert min(outcomes.values()) > 0


def described(key: str, length: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A pickle of one tensor that is described by hand."""

    class Named:
        def __init__(self, *call: Any):
            self.call = call

        def __reduce__(self) -> Any:
            return self.call

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", torch.FloatStorage, key, "cpu", length) if value == "numbers" else None

    stream = io.BytesIO()
    args: Any = ("numbers", offset, shape, strides, False, OrderedDict())
    Pickler(stream, 2).dump({"a": Named(torch._utils._rebuild_tensor_v2, args)})
    return stream.getvalue()


def test_a_tensor_described_by_hand_is_read(tmp_path: Path) -> None:
    numbers = torch.arange(8.0)
    file = zipped(tmp_path / "x.pt", described("0", 8, 1, (2, 2), (4, 1)), {"0": numbers.numpy().tobytes()})
    torch.testing.assert_close(read_checkpoint(file).value["a"], torch.tensor([[1.0, 2.0], [5.0, 6.0]]))


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (("0", 8, 0, (9,), (1,)), r"a tensor of shape \(9,\) in a storage of 8 numbers"),
        (("0", 8, 5, (4,), (1,)), r"a tensor of shape \(4,\) in a storage of 8 numbers"),
        (("0", 8, 0, (2, 2), (7, 2)), "in a storage of 8 numbers"),
        (("0", 8, -4, (4,), (1,)), r"a tensor of shape \(4,\) and strides"),
        (("0", 8, 0, (-1,), (1,)), r"a tensor of shape \(-1,\) and strides"),
        (("0", 8, 0, (4,), (-1,)), "a tensor of shape .* and strides"),
        (("0", 8, 0, (4,), (1, 1)), "a tensor of shape .* and strides"),
        (("0", 8, 0, (10**12,), (0,)), "in a storage of 8 numbers"),  # a view of one number that a copy would fill
        (("0", 9, 0, (9,), (1,)), "has 32 bytes where 36 were expected"),
        (("0", -8, 0, (0,), (1,)), r"a tensor of shape \(0,\) in a storage of -8 numbers"),
        (("1", 8, 0, (4,), (1,)), "archive/data/1"),
        (("../../x", 8, 0, (4,), (1,)), "no item named"),
    ],
)
def test_a_tensor_that_reaches_beyond_its_numbers_is_refused(tmp_path: Path, tensor: Any, message: str) -> None:
    file = zipped(tmp_path / "x.pt", described(*tensor), {"0": torch.arange(8.0).numpy().tobytes()})
    refused(file, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; fetch it again"),
        (b"<!DOCTYPE html><html>", r"neither a zip of torch.save nor safetensors .it begins with b'<!DOCTYPE'"),
        (b"version https://git-lfs", "neither a zip"),
        (pickle.dumps({"a": 1}), r"a bare pickle, as torch before version 1\.6 wrote .*weights_only=True"),
    ],
)
def test_a_file_of_another_kind_is_told_apart(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    refused(tmp_path / "x.pt", message)


def test_the_command_for_old_files_writes_one_that_can_be_read(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(3)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    command = refused(tmp_path / "x.pt", "before version").split("anew with: ")[1]
    script = command.removeprefix('python -c "').removesuffix('"')
    subprocess.run([sys.executable, "-c", script], check=True)
    torch.testing.assert_close(read_checkpoint(tmp_path / "x.pt.zip.pt").value["a"], torch.ones(3))


@pytest.mark.parametrize("content", [[torch.ones(2)], torch.ones(2), "text", 5])
def test_what_is_not_a_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", r"holds a \w+, not a dict of weights")


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "x.pt", r"a zip without <name>/data\.pkl")


def test_a_pickle_that_would_unfold_to_gigabytes_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("egoshift.encoders.archive.MOST_PICKLE_BYTES", 1000)
    file = zipped(tmp_path / "x.pt", b"(" * 2000, compression=zipfile.ZIP_DEFLATED)
    refused(file, r"its data\.pkl alone would be 2000 bytes")


def test_a_value_that_holds_itself_is_refused(tmp_path: Path) -> None:
    loop: dict[str, Any] = {"a": torch.ones(2)}
    loop["loop"] = [loop]
    torch.save(loop, tmp_path / "x.pt")
    refused(tmp_path / "x.pt", r"a value that lies in another already, or in itself")


def test_a_tensor_of_more_axes_than_any_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        content, numbers = (archive.read(f"x/{name}") for name in ("data.pkl", "data/0"))
    for place in (b"K\x02\x85", b"K\x01\x85"):  # the shape, the strides
        assert content.count(place) == 1
        content = content.replace(place, b"(" + place[:2] + b"K\x01" * 200 + b"t")
    refused(zipped(tmp_path / "y.pt", content, {"0": numbers}), "a tensor of 201 axes")
