from contextlib import ExitStack
from pathlib import Path

import pytest

from egoshift.cli.places import localized


@pytest.mark.parametrize("words", ["-o {}", "--out {}", "--output {}", "--onnx {}", "--overlay {}", "--onnx={}"])
def test_what_an_option_names_to_be_written_is_published(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EGOSHIFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("egoshift.cli.places._tell", lambda: None)  # loggers keep their handlers
    place = tmp_path / "there" / "made"
    with ExitStack() as finishing:
        *_, word = localized(words.format(f"file://{place}").split(), finishing)
        here = Path(word.removeprefix("--onnx="))
        assert here != place
        here.mkdir(parents=True)
        (here / "one.txt").write_text("made")
        assert not place.exists()
    assert (place / "one.txt").read_text() == "made"
