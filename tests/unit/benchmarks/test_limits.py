"""The pure parts of the measurements of limits, of the training at full size, and of the page they end on."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.full_scale import ego4d_clips
from benchmarks.gather import write_store
from benchmarks.limits import BLOCK_BYTES, MatrixProducts, cached_share, decode, drop_cached, read_file, write_file
from benchmarks.official_way import ClipFiles, OfficialWay, clip_file
from benchmarks.run import page

from egoshift.classifier import ClassText, StreamBatch
from egoshift.features import StoredFeatures
from egoshift.methods import PRESETS, XMIC
from egoshift.recipes.plan_rates import write_panning


def test_the_best_rate_counts_two_operations_per_multiply_add() -> None:
    ticks = iter([0.0, 2.0, 10.0, 11.0, 20.0, 24.0, 30.0, 34.0])
    products = MatrixProducts(torch.float32, lambda: next(ticks), sides=(10, 20))
    products.turn()
    assert products.per_s == 2 * 20**3 / 1.0  # 10: 2 x 1000 in 2 s
    products.turn()
    assert products.per_s == 2 * 20**3 / 1.0  # slower ones do not count


def test_a_file_is_read_as_long_as_it_was_written_and_its_pages_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    write_file(path, 2 * BLOCK_BYTES)
    assert read_file(path) == 2 * BLOCK_BYTES == path.stat().st_size
    assert cached_share(path) == 1.0
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, BLOCK_BYTES, os.POSIX_FADV_DONTNEED)
    half = cached_share(path)
    drop_cached(path)
    whole = cached_share(path)
    # Where temporary files lie in memory (tmpfs), nothing can be dropped, and that is what the share says.
    assert (half, whole) == (1.0, 1.0) or (half == pytest.approx(0.5, abs=0.1) and whole < 0.01)


@pytest.mark.parametrize("threads", [1, 2])
def test_decoding_counts_every_frame(tmp_path: Path, threads: int) -> None:
    assert decode(write_panning(tmp_path / "video.mp4", 0.5), threads) == 15


def test_the_released_way_gives_the_logits_and_gradients_of_ours() -> None:
    torch.manual_seed(0)
    ours, theirs = XMIC(**{**PRESETS["xmic"]["released"], "text_dim": 32}), OfficialWay(32, 16)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    theirs.load_state_dict(ours.state_dict())
    batch = StreamBatch({view: torch.randn(6, 16, 32) for view in ("hand", "full")})
    text, gradient = torch.randn(5, 32), torch.randn(6, 5)
    expected, found = ours(batch, {"noun": ClassText(text)})["noun"], theirs(batch, text)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)  # cosines times 100, in float32
    for logits in (expected, found):
        torch.autograd.backward(logits, gradient)
    wanted = dict(ours.named_parameters())
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[name].grad, atol=2e-3, rtol=1e-3, msg=name)


def test_clips_come_from_one_file_a_view_with_a_frame_per_bin(tmp_path: Path) -> None:
    for view, start in (("hand", 0), ("full", 100)):
        np.save(clip_file(tmp_path, 0, view), np.arange(start, start + 8, dtype=np.float16)[:, None])
    hand, full, target = ClipFiles(tmp_path, torch.tensor([7]), 4)[0]
    assert (hand.dtype, target) == (torch.float32, 7)
    assert (hand[:, 0] // 2).tolist() == [0, 1, 2, 3]
    assert torch.equal(full, hand + 100)


def test_clips_of_the_full_size_lie_in_their_videos_with_16_stored_frames_each(tmp_path: Path) -> None:
    table = ego4d_clips()
    assert len(table) == 64_000
    assert table["noun"].max() == 520
    few = table.filter(table["video_id"].is_in(["v000", "v001"]))
    store = write_store(tmp_path / "store", num_videos=2, rows_per_video=1600)
    source = StoredFeatures({view: (store, view) for view in store.views}, few, ["noun"], resident=True)
    assert (len(source), source.dropped) == (200, ())
    batch = source.batch(torch.tensor([0, 103]), num_frames=16)
    for row, first in enumerate((0, 1600 + 3 * 16)):
        assert np.array_equal(batch.streams["hand"][row].numpy(), store.array("hand")[first : first + 16])


def test_limits_have_their_own_table_and_leave_the_ratios_alone() -> None:
    common = {"unit": "GB/s", "bar": "a limit", "machine": "m", "command": "c"}
    lines = [
        {"name": "gather", "value": 0.5, **common},
        {"name": "limit-memory-one-thread", "value": 12.345, "limit": True, **common},
        {"name": "limit-memory-all-cores", "value": 1234.5, "ratio": 1.9, "limit": True, **common},
    ]
    ratios, limits = page(lines).split("## This machine's limits")
    assert "| gather | 0.5 GB/s | a limit | m | `c` |" in ratios
    assert "limit-" not in ratios
    assert "| memory-all-cores | 1,234 GB/s | 1.9 | m |\n| memory-one-thread | 12.3 GB/s |  | m |" in limits
    assert "limits" not in page(lines[:1]).split("|")[-1]
