"""glibc's malloc as the command line of egoshift sets it at its start."""

import ctypes


def keep_large_blocks() -> None:
    """Let malloc keep blocks of any size, where it would return each large one to the kernel to be faulted in again."""
    mmap_threshold, trim_threshold = -3, -1
    libc = ctypes.CDLL(None)
    libc.mallopt(mmap_threshold, 1 << 30)
    libc.mallopt(trim_threshold, 0x7FFFFFFF)
