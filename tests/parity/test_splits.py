"""Shared and novel classes against the lists that X-MIC's authors publish (https://github.com/Annusha/xmic, anno/).

The two vocabularies are put together from the exact lists; the rule must then give the lists back.
"""

from pathlib import Path
from typing import Literal

import pytest

from egoshift.datasets import clean_ego4d_name, clean_epic_name, ego4d_synonyms, shared_and_novel
from egoshift.records import Vocabulary

Kind = Literal["noun", "verb"]

EXACT = {"noun": (163, 137, 163, 358), "verb": (51, 46, 51, 66)}


def listed(assets: Path, name: str) -> list[str]:
    lines = (assets / "splits" / "xmic_anno" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def raw(assets: Path, kind: Kind, pair: str) -> tuple[list[str], list[str]]:
    return listed(assets, f"{pair}_common_exact_{kind}"), listed(assets, f"{pair}_non_common_exact_{kind}")


def vocabularies(assets: Path, kind: Kind) -> tuple[Vocabulary, Vocabulary]:
    epic = [name for part in raw(assets, kind, "epic_ego") for name in part]
    ego4d = [name for part in raw(assets, kind, "ego_epic") for name in part]
    return (
        Vocabulary(kind, tuple(sorted(clean_epic_name(name) for name in epic))),
        Vocabulary(
            kind, tuple(clean_ego4d_name(name) for name in ego4d), tuple(ego4d_synonyms(name) for name in ego4d)
        ),
    )


@pytest.mark.parametrize("kind", ["noun", "verb"])
def test_the_exact_rule_gives_the_authors_lists(assets: Path, kind: Kind) -> None:
    epic, ego4d = vocabularies(assets, kind)
    shared_epic, novel_epic = shared_and_novel(ego4d, epic)
    shared_ego4d, novel_ego4d = shared_and_novel(epic, ego4d)
    assert (len(shared_epic), len(novel_epic), len(shared_ego4d), len(novel_ego4d)) == EXACT[kind]
    theirs, _ = raw(assets, kind, "epic_ego")
    assert {epic.names[index] for index in shared_epic} == set(theirs)
    theirs, _ = raw(assets, kind, "ego_epic")
    assert {ego4d.names[index] for index in shared_ego4d} == {clean_ego4d_name(name) for name in theirs}


@pytest.mark.parametrize("kind", ["noun", "verb"])
def test_cleaned_names_are_unique_and_stay_as_they_are(assets: Path, kind: Kind) -> None:
    epic, ego4d = vocabularies(assets, kind)
    assert len(set(epic.names)) == len(epic) == {"noun": 300, "verb": 97}[kind]
    assert len(set(ego4d.names)) == len(ego4d) == {"noun": 521, "verb": 117}[kind]
    assert [clean_epic_name(name) for name in epic.names] == list(epic.names)
    assert [clean_ego4d_name(name) for name in ego4d.names] == list(ego4d.names)
    assert not any("_" in name or "(" in name for name in ego4d.names)


def test_the_semantic_rule_with_ego4ds_synonyms_alone_stays_within_the_authors_lists(assets: Path) -> None:
    """What EPIC-KITCHENS's own ``instances`` add brings 189 to 213 and 60 to 69; they are not among the assets."""
    counts = {}
    for kind in ("noun", "verb"):
        epic, ego4d = vocabularies(assets, kind)
        for train, test, pair in ((ego4d, epic, "epic_ego"), (epic, ego4d, "ego_epic")):
            shared, _ = shared_and_novel(train, test, semantic=True)
            theirs = set(listed(assets, f"{pair}_common_semantic_{kind}"))
            cleaned = theirs if pair == "epic_ego" else {clean_ego4d_name(name) for name in theirs}
            assert {test.names[index] for index in shared} <= cleaned
            counts[kind, pair] = (len(shared), len(cleaned))
    print("semantic, by Ego4D's synonyms alone / the authors':", counts)
    assert counts == {
        ("noun", "epic_ego"): (189, 213),
        ("noun", "ego_epic"): (177, 274),
        ("verb", "epic_ego"): (60, 69),
        ("verb", "ego_epic"): (56, 82),
    }
