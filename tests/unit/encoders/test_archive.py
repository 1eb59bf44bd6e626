"""Checkpoint files give their values and run nothing."""

import argparse
import pathlib
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from egoshift.encoders.archive import read_checkpoint
from egoshift.errors import WeightsError


def refused(file: Path, message: str) -> str:
    with pytest.raises(WeightsError, match=message) as error:
        read_checkpoint(file)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{file}: ")
    return str(error.value)


def zipped(file: Path, content: bytes, storages: dict[str, bytes] | None = None, compression: int = 0) -> Path:
    """A checkpoint written by hand, as ``torch.save`` would zip this pickle."""
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        for key, numbers in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", numbers)
    return file


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool],
)
def test_tensors_come_back_with_their_type_shape_and_values(tmp_path: Path, dtype: torch.dtype) -> None:
    whole = (torch.randn(6, 8, generator=torch.Generator().manual_seed(0)) * 5).to(dtype)
    saved = {
        "whole": whole,
        "view": whole[2:, 1::2].T,
        "parameter": nn.Parameter(whole, requires_grad=dtype.is_floating_point),
        "scalar": whole[3, 3],
        "empty": whole[:0],
        "again": whole,
    }
    torch.save(saved, tmp_path / "x.pt")
    found = read_checkpoint(tmp_path / "x.pt").value
    assert list(found) == list(saved)
    for name, value in saved.items():
        torch.testing.assert_close(found[name], value.detach(), rtol=0, atol=0)


def test_a_compressed_or_unaligned_archive_gives_the_same(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(12.0).view(3, 4), "b": torch.arange(5)}
    torch.save(tensors, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "again.pt", "w", compression) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        found = read_checkpoint(tmp_path / "again.pt").value
        for name, value in tensors.items():
            torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_what_is_written_into_a_tensor_does_not_reach_the_file(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1000)}, tmp_path / "x.pt")
    before = (tmp_path / "x.pt").read_bytes()
    read_checkpoint(tmp_path / "x.pt").value["a"].zero_()
    assert (tmp_path / "x.pt").read_bytes() == before


def test_a_training_checkpoint_gives_plain_values_beside_its_weights(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    args = argparse.Namespace(
        model="X",
        lr=0.1,
        out=pathlib.Path("/a/b"),
        device=torch.device("cuda:1"),
        dtype=torch.float16,
        norm=np.float64(3.0),
        size=torch.Size([2, 3]),
        betas=(0.9, 0.98),
        inner=argparse.Namespace(deep=None),
        tags={"one"},
    )
    saved = {"state_dict": model.state_dict(), "args": args, "best": np.float32(2), "table": np.zeros(3), "epoch": 4}
    torch.save(saved | {"optimizer": optimiser.state_dict()}, tmp_path / "x.pt")
    found = read_checkpoint(tmp_path / "x.pt")
    assert not found.scripted
    assert found.value["args"] == {
        "model": "X",
        "lr": 0.1,
        "out": "/a/b",
        "device": "cuda:1",
        "dtype": "torch.float16",
        "norm": None,
        "size": [2, 3],
        "betas": [0.9, 0.98],
        "inner": {"deep": None},
        "tags": ["one"],
    }
    assert (found.value["best"], found.value["table"], found.value["epoch"]) == (None, None, 4)
    assert found.value["optimizer"]["param_groups"][0]["lr"] == 0.001
    torch.testing.assert_close(found.value["state_dict"], dict(model.state_dict()), rtol=0, atol=0)


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(OrderedDict(first=nn.Linear(3, 3), second=nn.Linear(3, 3)))
        self.size = 7
        self.sizes = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.layers(x) * self.size + self.sizes[0]
        return y


def test_a_torchscript_archive_gives_the_state_dict_of_its_modules(tmp_path: Path) -> None:
    model = nn.Sequential(OrderedDict(body=Inner(), head=nn.Linear(3, 2))).half()
    model.register_buffer("resolution", torch.tensor(224))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of its compiler at every call
        torch.jit.save(torch.jit.script(model), str(tmp_path / "x.pt"))
    found = read_checkpoint(tmp_path / "x.pt")
    assert found.scripted
    tensors = {name: value for name, value in found.value.items() if isinstance(value, torch.Tensor)}
    torch.testing.assert_close(tensors, dict(model.state_dict()), rtol=0, atol=0)
    assert found.value["body.size"] == 7


def test_safetensors_are_told_by_their_content_not_by_the_name(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).view(2, 3).bfloat16()}
    save_file(tensors, tmp_path / "x.pt")
    torch.testing.assert_close(dict(read_checkpoint(tmp_path / "x.pt").value), tensors, rtol=0, atol=0)
    torch.save(tensors, tmp_path / "y.safetensors")
    torch.testing.assert_close(dict(read_checkpoint(tmp_path / "y.safetensors").value), tensors, rtol=0, atol=0)
