"""Lists of episodes as files: equal after reading, whatever the order of samples, and every fault told."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from egoshift.errors import ConfigError, DataError
from egoshift.evaluation import Episodes, draw_episodes, read_episodes, write_episodes
from egoshift.evaluation.episode_lists import FAULTS_TOLD

LABELS = torch.arange(60) % 6
IDS = tuple(f"clip-{row:02}" for row in range(60))
NAMES = ("cut", "wash", "pour", "peel", "mop the floor", "hängen")


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Episodes]:
    episodes = draw_episodes(LABELS, num_episodes=4, ways=3, shots=2, queries=4)
    path = tmp_path / "lists" / "episodes.json"
    write_episodes(path, episodes, ids=IDS, names=NAMES)
    return path, episodes


def content(path: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return parsed


def test_reading_gives_what_was_written(written: tuple[Path, Episodes]) -> None:
    path, episodes = written
    read = read_episodes(path, ids=IDS, names=NAMES, labels=LABELS)
    for part in ("classes", "support", "query"):
        assert torch.equal(getattr(read, part), getattr(episodes, part))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4 + 2


def test_a_person_can_read_its_names_and_it_needs_no_more_ids_than_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "episodes.json"
    episodes = Episodes(torch.tensor([[3, 5]]), torch.tensor([[[9], [4]]]), torch.tensor([[[7], [11]]]))
    write_episodes(path, episodes, ids=IDS[:12], names=NAMES)
    assert '"hängen"' in path.read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="11 ids, 11 of them different; the episodes have numbers up to 11; give one"):
        write_episodes(path, episodes, ids=IDS[:11], names=NAMES)


def test_writing_twice_gives_the_same_bytes(written: tuple[Path, Episodes]) -> None:
    path, episodes = written
    before = path.read_bytes()
    write_episodes(path, episodes, ids=IDS, names=NAMES)
    assert path.read_bytes() == before


def test_samples_and_classes_in_another_order_are_found_by_name(written: tuple[Path, Episodes]) -> None:
    path, episodes = written
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    ids, names = ["other", *(IDS[row] for row in order)], ["other", *reversed(NAMES)]
    read = read_episodes(path, ids=ids, names=names, labels=torch.cat([torch.tensor([0]), 6 - LABELS[order]]))
    assert [[ids[row] for row in way] for way in read.support[0]] == [
        [IDS[row] for row in way] for way in episodes.support[0]
    ]
    assert [names[one] for one in read.classes[1]] == [NAMES[one] for one in episodes.classes[1]]


def spoil(path: Path, change: str) -> None:
    """Makes the second episode of a list wrong in one way."""
    whole = content(path)
    episode = whole["episodes"][1]
    if change == "unknown":
        episode["query"][0][0] = "clip-99"
    elif change == "class":
        episode["classes"][0] = "fly"
    elif change == "twice":
        episode["query"][0][0] = episode["support"][0][0]
    elif change == "short":
        episode["query"][2].pop()
    elif change == "ways":
        episode["classes"].pop()
    elif change == "same-class":
        episode["classes"][0] = episode["classes"][1]
    elif change == "number":
        episode["support"][0][0] = 7
    else:
        whole["episodes"][1] = ["not", "an", "episode"]
    path.write_text(json.dumps(whole), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ("unknown", "unknown-name", "episode 1 has 'clip-99', which is not among those given; draw"),
        ("class", "unknown-name", "episode 1 has 'fly', which is not among those given"),
        ("twice", "sample-twice", "more than once"),
        ("short", "wrong-size", "episode 1 is not of 3 ways, 2 shots and 4 queries, which the file states"),
        ("ways", "wrong-size", "episode 1 is not of 3 ways"),
        ("same-class", "wrong-size", "episode 1 is not of 3 ways"),
        ("number", "wrong-format", "episode 1 has no lists of names under 'classes', 'support' and 'query'"),
        ("list", "wrong-format", "episode 1 has no lists of names"),
    ],
)
def test_an_episode_that_cannot_be_used_is_told(
    written: tuple[Path, Episodes], change: str, kind: str, told: str
) -> None:
    spoil(written[0], change)
    with pytest.raises(DataError) as caught:
        read_episodes(written[0], ids=IDS, names=NAMES)
    assert [fault.kind for fault in caught.value.faults] == [kind]
    assert told in str(caught.value)
    assert str(caught.value).startswith(f"{written[0]}: ")


def test_samples_that_are_of_another_class_by_now_are_told(written: tuple[Path, Episodes]) -> None:
    relabelled = LABELS.clone()
    sample = int(written[1].query[2, 1, 0])
    relabelled[sample] = -1
    assert len(read_episodes(written[0], ids=IDS, names=NAMES)) == 4
    with pytest.raises(DataError, match=rf"episode 2 has '{IDS[sample]}' as .*, but it is labelled otherwise now"):
        read_episodes(written[0], ids=IDS, names=NAMES, labels=relabelled)


@pytest.mark.parametrize("more", [0, 1])
def test_as_many_faults_as_are_told_have_no_last_line(tmp_path: Path, more: int) -> None:
    path = tmp_path / "episodes.json"
    write_episodes(
        path, draw_episodes(LABELS, num_episodes=FAULTS_TOLD + more, ways=2, shots=1, queries=1), ids=IDS, names=NAMES
    )
    with pytest.raises(DataError) as caught:
        read_episodes(path, ids=[f"x{row}" for row in range(60)], names=NAMES)
    kinds = [fault.kind for fault in caught.value.faults]
    assert kinds == ["unknown-name"] * FAULTS_TOLD + ["more-faults"] * more


def test_of_many_faults_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    path = tmp_path / "episodes.json"
    episodes = draw_episodes(LABELS, num_episodes=50, ways=2, shots=1, queries=1)
    write_episodes(path, episodes, ids=IDS, names=NAMES)
    with pytest.raises(DataError) as caught:
        read_episodes(path, ids=[f"x{row}" for row in range(60)], names=NAMES)
    assert len(caught.value.faults) == FAULTS_TOLD + 1
    assert "30 more episodes have faults" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, 2]", "is not a list of episodes"),
        ('{"format": "egoshift-episodes", "version": 2, "episodes": []}', "is not a list of episodes"),
        ('{"format": "egoshift-episodes", "version": 1}', "has no list under 'episodes'"),
        ('{"format": "egoshift-episodes", "version": 1, "episodes": []}', "holds no episode"),
        ("{", "is not JSON text"),
        (b"\xff\xfe\x00", "is not JSON text"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_file_that_is_no_list_is_told(tmp_path: Path, text: str | bytes | None, told: str) -> None:
    path = tmp_path / "episodes.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        read_episodes(path, ids=IDS, names=NAMES)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_names_that_cannot_tell_samples_apart_are_refused(tmp_path: Path, written: tuple[Path, Episodes]) -> None:
    path, episodes = written
    with pytest.raises(ConfigError, match=r"60 ids, 59 of them different; give one name for each, all different"):
        read_episodes(path, ids=[*IDS[:59], IDS[0]], names=NAMES)
    with pytest.raises(ConfigError, match=r"2 names, 2 of them different; the episodes have numbers up to 5"):
        write_episodes(tmp_path / "other.json", episodes, ids=IDS, names=NAMES[:2])
    assert not (tmp_path / "other.json").exists()
