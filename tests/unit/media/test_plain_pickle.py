"""Pickle files: plain values are read, and nothing that a file asks for is run."""

import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.media.plain_pickle import as_array, load_plain_pickle


class Payload:
    """What an attacker would write: loading it with pickle makes the folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("arrays", [False, True])
def test_a_file_that_asks_to_run_something_is_refused_and_nothing_is_run(
    tmp_path: Path, protocol: int, arrays: bool
) -> None:
    path, made = tmp_path / "P01_01.pkl", tmp_path / "made"
    path.write_bytes(pickle.dumps([b"one", Payload(made)], protocol))
    with pytest.raises(MediaError, match=rf"{path}: asks to run \w+\.mkdir.*nothing of it was run") as error:
        load_plain_pickle(path, arrays=arrays)
    assert "\n" not in str(error.value)
    assert not made.exists()
    pickle.loads(path.read_bytes())
    assert made.exists(), "the payload itself works"


@pytest.mark.parametrize(
    "name", ["numpy.fromfile", "numpy.core.multiarray.fromfile", "builtins.eval", "builtins.getattr", "numpy.load"]
)
def test_only_the_names_that_arrays_need_are_answered(tmp_path: Path, name: str) -> None:
    path = tmp_path / "boxes.pkl"
    module, function = name.rsplit(".", 1)
    path.write_bytes(f"c{module}\n{function}\n(S'x'\ntR.".encode())
    with pytest.raises(MediaError, match=f"asks to run {name}"):
        load_plain_pickle(path, arrays=True)


def test_extension_codes_and_persistent_ids_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.pkl"
    for content in (b"\x80\x02\x82\x01.", b"Px\n."):
        path.write_bytes(content)
        with pytest.raises(MediaError, match="is not a complete pickle file"):
            load_plain_pickle(path, arrays=True)


def test_a_damaged_file_gives_one_line(tmp_path: Path) -> None:
    path = tmp_path / "P01_01.pkl"
    whole = pickle.dumps([b"a" * 100, b"b" * 100])
    for content in (b"", whole[:120], b"not a pickle", b"\x80\x04r\xff\xff\xff\xff."):
        path.write_bytes(content)
        with pytest.raises(MediaError, match=f"{path}: is not a complete pickle file .*download it again") as error:
            load_plain_pickle(path)
        assert "\n" not in str(error.value)


def test_a_missing_file_gives_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"cannot be read .*check the path"):
        load_plain_pickle(tmp_path / "absent.pkl")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_built_in_values_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "boxes.pkl"
    value = {1.5: {"info": {"height": 360}, 0: {"hand_dets": None}}, 2: [True, "x", (1, 2), b"\x00\xff", b""]}
    path.write_bytes(pickle.dumps(value, protocol))
    assert load_plain_pickle(path) == value


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("module", ["numpy._core", "numpy.core"])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(3, dtype=">i2"),
        np.zeros((0, 10)),
    ],
)
def test_arrays_come_back_as_they_were(tmp_path: Path, array: np.ndarray, module: str, protocol: int) -> None:
    path = tmp_path / "boxes.pkl"
    content = pickle.dumps({"boxes": array, "start": np.float64(0.125)}, protocol)
    if module == "numpy.core":  # as NumPy wrote it before version 2
        new, old = ((f"c{name}.multiarray\n").encode() for name in ("numpy._core", "numpy.core"))
        if protocol == 4:
            content = pickletools.optimize(content)
            new, old = b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray"
            assert new in content
            content = content[:2] + content[11:]  # without the frame, whose length would be wrong
        content = content.replace(new, old)
        assert b"numpy.core" in content
    path.write_bytes(content)
    loaded = load_plain_pickle(path, arrays=True)
    assert isinstance(loaded, dict)
    assert loaded["start"] == 0.125
    back = as_array(loaded["boxes"])
    assert back is not None
    np.testing.assert_array_equal(back, array, strict=True)


def test_an_array_of_objects_or_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.pkl"
    path.write_bytes(pickle.dumps(np.array([None, {}], dtype=object), 4))
    with pytest.raises(MediaError, match="is not a complete pickle file"):
        load_plain_pickle(path, arrays=True)
    content = pickle.dumps(np.arange(8, dtype=np.uint8).reshape(2, 4), 3)
    assert content.count(b"K\x02K\x04\x86") == 1
    path.write_bytes(content.replace(b"K\x02K\x04\x86", b"K\x02K\x7f\x86"))
    with pytest.raises(MediaError, match=r"an array of shape \(2, 127\) with 8 numbers"):
        load_plain_pickle(path, arrays=True)


def test_an_array_of_more_axes_than_any_is_refused(tmp_path: Path) -> None:
    """The product of so many long numbers would take years."""
    path = tmp_path / "boxes.pkl"
    content = pickle.dumps(np.arange(8, dtype=np.uint8).reshape(2, 4), 3)
    assert content.count(b"K\x02K\x04\x86") == 1
    path.write_bytes(content.replace(b"K\x02K\x04\x86", b"(K\x02K\x04" + b"K\x01" * 200 + b"t"))
    with pytest.raises(MediaError, match="an array of 202 axes"):
        load_plain_pickle(path, arrays=True)


def test_text_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "boxes.pkl"
    path.write_bytes(pickle.dumps(np.array(["left"]), 4))
    with pytest.raises(MediaError, match="an array of type 'U4' where numbers were expected"):
        load_plain_pickle(path, arrays=True)


def test_a_value_that_is_no_array_stands_for_none(tmp_path: Path) -> None:
    assert as_array([1.0, 2.0]) is None


def test_a_file_cannot_change_what_later_files_meet(tmp_path: Path) -> None:
    path = tmp_path / "boxes.pkl"
    # BUILD with a second state sets attributes on the named thing itself: here on the stand-in for arrays.
    path.write_bytes(b"cnumpy.core.multiarray\n_reconstruct\n(N(dS'__setstate__'\nNstb.")
    try:
        load_plain_pickle(path, arrays=True)
    except MediaError:
        pass
    array = np.arange(3.0)
    path.write_bytes(pickle.dumps(array, 4))
    back = as_array(load_plain_pickle(path, arrays=True))
    assert back is not None
    np.testing.assert_array_equal(back, array)


def test_a_whole_pickle_beyond_the_bounds_is_not_called_incomplete(tmp_path: Path) -> None:
    path = tmp_path / "boxes.pkl"
    row = list(range(1000))
    path.write_bytes(pickle.dumps([row] * 2000))
    with pytest.raises(
        MediaError, match=r"is a pickle that refers to .* again and again; write it anew with each value"
    ):
        load_plain_pickle(path)
