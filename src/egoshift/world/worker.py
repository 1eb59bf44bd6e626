"""Films some videos of the world, as a process of its own, and writes a line when each is done.

``write_world`` starts one a core: ``python -m egoshift.world.worker ORDER SET:NUMBER...``
"""

import sys

from egoshift.world.order import Order, film_one


def main(text: str, *videos: str) -> None:
    """Film videos, each named by its data set and number, of the order that ``text`` is."""
    order = Order.from_text(text)
    for video in videos:
        name, _, number = video.partition(":")
        film_one(order, name, int(number))
        print(video, flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
