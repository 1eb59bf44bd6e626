from pathlib import Path

import pytest
from pydantic import BaseModel

from egoshift.errors import RemoteError
from egoshift.remote import name_of, path_of, shown, url_of
from egoshift.remote.fields import Place


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("EGOSHIFT_CACHE", str(tmp_path))


@pytest.mark.parametrize(
    "url",
    ["s3://bucket/a b/100%.mp4", "https://host:8000/x/y.csv?z=1", "memory:///a/b", "file:///data/x", "gs://bucket"],
)
def test_an_address_and_its_path_lead_to_each_other(url: str, tmp_path: Path):
    path = path_of(url)
    assert path.is_relative_to(tmp_path / "files")
    assert url_of(path) == url
    assert name_of(path) == url
    assert shown(f"{path}: is empty, {path}/b too") == f"{url}: is empty, {url}/b too"


def test_a_neighbour_of_a_card_is_a_neighbour_there():
    assert url_of(path_of("s3://b/d/card.yaml").parent / ".." / "videos") == "s3://b/videos"


def test_other_paths_stand_for_themselves():
    assert path_of("a/b.csv") == Path("a/b.csv")
    assert url_of(Path("a/b.csv")) is None
    assert name_of(Path("a/b.csv")) == "a/b.csv"


@pytest.mark.parametrize("url", ["s3://", "s3://b//x", "s3://b/../x", "zip://a::s3://b/x.zip"])
def test_what_is_no_plain_address_is_refused(url: str):
    with pytest.raises(RemoteError, match="no plain address"):
        path_of(url)


def test_a_field_is_read_and_written_as_an_address():
    class Card(BaseModel):
        videos: Place

    card = Card.model_validate({"videos": "s3://b/v"})
    assert card.videos == path_of("s3://b/v")
    assert card.model_dump(mode="json") == {"videos": "s3://b/v"}
    assert Card(videos=Path("v")).model_dump(mode="json") == {"videos": "v"}
