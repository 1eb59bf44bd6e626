"""Extracts a video into a store of wide features and prints the most anonymous memory that took, in MiB.

Pages of mapped files do not count: the kernel takes them back as it needs to.
"""

import sys
import threading
from pathlib import Path

import torch
from torch import Tensor

from egoshift.features import extract
from egoshift.media import probe

from .examples import BLOCKS_CARD, BlockEncoder, example_dataset

WIDTH = 4096


class WideEncoder(BlockEncoder):
    """The blocks' grey values over and over: 8 KiB a row."""

    def __init__(self) -> None:
        super().__init__(BLOCKS_CARD.model_copy(update={"dim": WIDTH}))

    def encode(self, images: Tensor) -> Tensor:
        return super().encode(images).repeat(1, WIDTH // 16)


def anonymous_mib() -> float:
    """What the process holds now."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def main(video: Path, store: Path) -> None:
    torch.set_num_threads(1)
    peak, done = [anonymous_mib()], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    report = extract(example_dataset({"v": video}, [("v", 0.0, probe(video).duration_s)]), WideEncoder(), store)
    done.set()
    watcher.join()
    print(len(report.store), peak[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
