"""``egoshift store`` as it is typed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from egoshift.cli.main import application
from egoshift.errors import ConfigError
from egoshift.features.lock import writing
from tests.unit.features.examples import contents, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", {"a": [0, 0.25], "b": [1]}).path


def call(*words: object) -> Result:
    return CliRunner().invoke(application(), ["store", *map(str, words)])


def damage(store: Path) -> None:
    content = bytearray((store / "full.npy").read_bytes())
    content[-1] ^= 1
    (store / "full.npy").write_bytes(content)


def test_info_tells_what_made_a_store_and_what_it_holds(store: Path) -> None:
    answer = call("info", store)
    assert answer.exit_code == 0
    assert answer.stdout.splitlines() == [
        f"{store}: 2 videos, 3 rows, 0.0005 h, {sum(map(len, contents(store).values())) / 1000:.3g} kB",
        "  blocks (weights 000000000000), full of 4, 4 times a second",
    ]
    (document,) = json.loads(call("info", store, "--json").stdout)
    assert (document["videos"], document["rows"], document["dim"], document["views"]) == (2, 3, 4, ["full"])
    assert (document["failed"], document["waiting"], document["writer"]) == ({}, [], None)


def test_info_tells_who_is_writing(store: Path) -> None:
    with writing(store):
        assert "is writing it" in call("info", store).stdout
        assert json.loads(call("info", store, "--json").stdout)[0]["writer"].startswith("process ")


def test_a_store_whose_manifest_is_damaged_is_to_be_deleted_whatever_command_finds_it(store: Path) -> None:
    (store / "manifest.json").write_text("{}")
    answer = call("verify", store)
    (line,) = answer.stderr.splitlines()
    assert (answer.exit_code, line.endswith(f"or delete {store} and extract again")) == (1, True)
    assert str(call("repair", store).exception) == line


def test_verify_says_which_file_is_damaged_and_repair_keeps_the_rest(store: Path) -> None:
    assert call("verify", store).stdout == f"{store}: every byte is as it was written\n"
    damage(store)
    answer = call("verify", store)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.splitlines() == [
        f"{store}/full.npy: rows are not as they were written (1 videos: b)",
        f"`egoshift store repair {store}` keeps what is whole",
    ]
    (document,) = json.loads(call("verify", store, "--json").stdout)
    assert document["damaged"][0]["videos"] == ["b"]
    answer = call("repair", store)
    assert answer.exit_code == 0
    assert answer.stdout == f"{store}: repaired; 1 videos in it, 1 dropped\n"
    assert f"{store}: video 'b' was dropped" in answer.stderr
    assert call("verify", store).exit_code == 0
    assert call("repair", store).stdout == f"{store}: sound, nothing to do; 1 videos in it, 0 dropped\n"
    assert json.loads(call("repair", store, "--json").stdout)["done"] == []


def test_verify_goes_on_with_the_next_store(store: Path, tmp_path: Path) -> None:
    other = make_store(tmp_path / "other", {"c": [0]}).path
    (store / "manifest.json").write_text("{")
    answer = call("verify", store, other)
    assert (answer.exit_code, answer.stdout) == (1, f"{other}: every byte is as it was written\n")
    assert f"{store}/manifest.json: not a manifest" in answer.stderr


def test_merge_makes_one_store(store: Path, tmp_path: Path) -> None:
    other = make_store(tmp_path / "other", {"c": [0]}).path
    answer = call("merge", store, other, "--out", tmp_path / "all")
    assert answer.stdout == f"{tmp_path / 'all'}: 3 videos, 4 rows of 2 stores\n"
    assert call("verify", tmp_path / "all").exit_code == 0
    made = json.loads(call("merge", store, "--out", tmp_path / "one", "--json").stdout)
    assert made == {"store": str(tmp_path / "one"), "videos": 2, "rows": 3}


def test_a_store_at_an_address_is_not_repaired_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from egoshift.remote import path_of

    monkeypatch.setenv("EGOSHIFT_CACHE", str(tmp_path / "cache"))
    answer = call("repair", path_of("s3://bucket/features/x"))
    assert isinstance(answer.exception, ConfigError)
    assert "lies in an object store; copy it to this machine" in str(answer.exception)
