"""Films one video of the world, as a process of its own: ``write_world`` starts one a core."""

import sys
from pathlib import Path

from egoshift.world.write import film_one

if __name__ == "__main__":
    film_one(Path(sys.argv[1]), seed=int(sys.argv[2]), scale=float(sys.argv[3]), number=int(sys.argv[4]))
