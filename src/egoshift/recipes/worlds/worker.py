"""A process that trains what it is told, one line a job: ``python -m egoshift.recipes.worlds.worker ORDER``.

ORDER is a replicate as JSON. Each line read is a job as JSON; the line written in answer is empty, or the text of an
error as JSON.
"""

import json
import sys

from egoshift.errors import EgoshiftError
from egoshift.recipes.worlds.jobs import Job
from egoshift.recipes.worlds.replicate import Replicate


def main(order: str) -> None:
    """Train until there are no more lines."""
    replicate = Replicate.from_text(order)
    for line in sys.stdin:
        answer = ""
        try:
            replicate.train(Job(**json.loads(line)))
        except EgoshiftError as error:
            answer = json.dumps(str(error))
        print(answer, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
