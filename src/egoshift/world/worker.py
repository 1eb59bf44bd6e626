"""Films some videos of the world, as a process of its own, and writes a line when each is done.

``write_world`` starts one a core: ``python -m egoshift.world.worker OUT SEED SCALE NUMBER...``
"""

import sys
from pathlib import Path

from egoshift.world.write import film_one

if __name__ == "__main__":
    out, seed, scale, *numbers = sys.argv[1:]
    for number in numbers:
        film_one(Path(out), seed=int(seed), scale=float(scale), number=int(number))
        print(number, flush=True)
