import subprocess
import sys

import pytest

PROGRAM = """
import psutil
from egoshift.allocator import give_back_blocks, keep_large_blocks

def held_MiB():
    return psutil.Process().memory_info().rss / 2**20

keep_large_blocks()
blocks = [bytearray(100_000) for _ in range(3000)]
last = blocks[-1]
full = held_MiB()
del blocks
kept = held_MiB()
give_back_blocks()
print(full, kept, held_MiB())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other allocators decide for themselves")
def test_what_is_free_between_blocks_in_use_is_kept_until_it_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    full, kept, after = map(float, done.stdout.split())
    assert full - kept < 50
    assert kept - after > 200
