"""What stands in small JSON files and requests: episodes, timelines, claims, rates, questions of the page."""

import json
from pathlib import Path

from egoshift.app.refusals import RefusedError
from trust.fuzz.target import Target

_IDS = tuple(f"c{number}" for number in range(8))
_NAMES = ("cut", "wash")


def _documents(place: Path) -> None:
    import torch

    from egoshift.evaluation.episode_lists import write_episodes
    from egoshift.evaluation.episodes import Episodes

    episodes = Episodes(
        torch.tensor([[0, 1], [1, 0]]), torch.tensor([[[0], [1]], [[3], [2]]]), torch.tensor([[[2], [3]], [[1], [0]]])
    )
    (place / "episodes").mkdir()
    write_episodes(place / "episodes" / "x.json", episodes, ids=_IDS, names=_NAMES)
    from tests.unit.prediction.timelines import segment, timeline

    from egoshift.prediction.formats.json import json_text

    made = timeline({"verb": (segment(0.0, 1.5, "wash"), segment(2.0, 3.0, "cut"))})
    (place / "timeline").mkdir()
    (place / "timeline" / "x.json").write_text(json_text(made, Path("x")), encoding="utf-8")
    ask = {"recording": "x", "model": 0, "verbs": ["wash"], "nouns": None, "without": ["audio"], "threshold": 0.5}
    (place / "ask").mkdir()
    (place / "ask" / "x.json").write_text(json.dumps(ask), encoding="utf-8")
    for name, source in (("claims", "claims.json"), ("rates", "benchmarks.json")):
        (place / name).mkdir()
        rows = json.loads((Path(__file__).parents[3] / "docs" / source).read_text(encoding="utf-8"))
        (place / name / "x.json").write_text(json.dumps(rows if name == "rates" else rows[:4]), encoding="utf-8")


def _read_document(folder: Path) -> None:
    from egoshift.app.results import claim_parts
    from egoshift.app.routes.runs import _parsed
    from egoshift.evaluation.episode_lists import read_episodes
    from egoshift.prediction.formats.json import read_timeline
    from egoshift.recipes.plan_rates import read_rates

    path = folder / "x.json"
    match folder.name:
        case "episodes":
            read_episodes(path, ids=_IDS, names=_NAMES)
        case "timeline":
            read_timeline(path)
        case "ask":
            _parsed(path.read_bytes())
        case "claims":
            claim_parts(path)
        case _:
            read_rates(path)


TARGETS = (Target("documents", 8000, _documents, _read_document, refusals=(RefusedError,), guided=True),)
