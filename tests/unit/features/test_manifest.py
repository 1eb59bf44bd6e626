import json
import re

import pytest
from pydantic import ValidationError

from egoshift.errors import StoreError
from egoshift.features import FramePlan, Manifest, VideoEntry
from egoshift.features import manifest as module
from egoshift.features.manifest import FeatureError, library_versions

from .examples import BLOCKS_CARD

ENTRY = VideoEntry(rows=3, duration_s=1.5, num_bytes=9, fingerprint="f", times_hash="t")
MANIFEST = Manifest(
    encoder=BLOCKS_CARD,
    views=("full", "hand"),
    plan=FramePlan(),
    hand={"kind": "boxes", "hand_threshold": 0.8},
    videos={"v": ENTRY},
)


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "manifest.json").write_text(MANIFEST.text())
    assert Manifest.read(tmp_path / "manifest.json") == MANIFEST


def test_a_missing_or_damaged_manifest_is_one_line(tmp_path):
    path = tmp_path / "manifest.json"
    with pytest.raises(StoreError, match=r"manifest.json: cannot be read \(No such file or directory\)"):
        Manifest.read(path)
    path.write_text(MANIFEST.text()[:50])
    with pytest.raises(StoreError, match="not a manifest of schema version 1") as caught:
        Manifest.read(path)
    assert "\n" not in str(caught.value)
    path.write_text(MANIFEST.text().replace('"schema_version": 1', '"schema_version": 2'))
    with pytest.raises(
        StoreError, match=r"schema_version: Input should be 1, .* use the version of egoshift that wrote"
    ):
        Manifest.read(path)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        MANIFEST.settings(),
        {"encoder": BLOCKS_CARD},
        {"encoder": BLOCKS_CARD.model_copy(update={"id": "other", "licence": "?", "preprocessing_source": "x"})},
        {"encoder.sha256": BLOCKS_CARD.sha256, "plan": FramePlan(kind="grid", rate_hz=4)},
        {"hand.hand_threshold": 0.8},
    ],
)
def test_the_same_settings_are_taken(tmp_path, settings):
    MANIFEST.expect(tmp_path, settings)


@pytest.mark.parametrize(
    ("settings", "field", "stored", "asked"),
    [
        ({"encoder.sha256": "ab"}, "encoder.sha256", f'"{"0" * 64}"', '"ab"'),
        ({"encoder.activation": "gelu"}, "encoder.activation", '"none"', '"gelu"'),
        (
            {"encoder": BLOCKS_CARD.model_copy(update={"mean": (0.5, 0, 0)})},
            "encoder.mean",
            "[0.0, 0.0, 0.0]",
            "[0.5, 0",
        ),
        ({"plan": FramePlan(rate_hz=8)}, "plan.rate_hz", "4.0", "8.0"),
        ({"views": ["full"]}, "views", '["full", "hand"]', '["full"]'),
        ({"hand.hand_threshold": 0.5}, "hand.hand_threshold", "0.8", "0.5"),
        ({"hand": {"kind": "boxes"}}, "hand.hand_threshold", "0.8", "nothing"),
        ({"hand": {"kind": "boxes", "hand_threshold": 0.8, "rate": 1}}, "hand.rate", "nothing", "1"),
        ({"hand": None}, "hand.kind", '"boxes"', "nothing"),
    ],
)
def test_each_other_setting_is_refused_with_both_values(tmp_path, settings, field, stored, asked):
    with pytest.raises(StoreError) as caught:
        MANIFEST.expect(tmp_path, settings)
    expected = f"{tmp_path}: {field} is {stored} in this store, but {asked}"
    assert any(line.startswith(expected) for line in str(caught.value).splitlines()), str(caught.value)


def test_all_differences_are_named_together(tmp_path):
    with pytest.raises(StoreError) as caught:
        MANIFEST.expect(tmp_path, {"encoder.dim": 3, "views": ["hand"], "plan.rate_hz": 1.0})
    assert len(str(caught.value).splitlines()) == 3


def test_names_alone_may_differ_also_where_the_store_has_none(tmp_path):
    differences = MANIFEST.differences({"encoder.id": "other", "encoder.nothing": None, "plan.nothing": 1})
    assert differences == [("plan.nothing", "nothing", "1")]


def test_only_what_was_settled_before_encoding_is_compared():
    assert set(MANIFEST.settings()) == {"encoder", "views", "plan", "hand"}
    assert json.loads(json.dumps(MANIFEST.settings())) == MANIFEST.settings(), "as it is written"


ERROR = FeatureError(mean=1e-5, max=2e-5, frames=16)


@pytest.mark.parametrize("record", [MANIFEST, ENTRY, ERROR])
def test_a_record_is_not_changed_and_knows_no_other_fields(record):
    name = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, name, getattr(record, name))
    with pytest.raises(ValidationError, match="not permitted"):
        type(record).model_validate({**record.model_dump(), "another": 1})


def test_a_manifest_is_of_no_video_until_one_is_there():
    assert Manifest(encoder=BLOCKS_CARD, views=("full",), plan=FramePlan()).videos == {}


def test_hashes_are_all_or_those_of_times_alone_and_then_none():
    assert ENTRY.all_hashes() == {}
    assert ENTRY.model_copy(update={"hashes": {"full": "a"}}).all_hashes() == {"times": "t", "full": "a"}


def test_a_manifest_is_written_for_people_and_with_a_checksum_of_its_own(tmp_path):
    text = MANIFEST.text()
    lines = text.splitlines()
    assert lines[1].startswith(' "schema_version"')
    assert lines[-2].startswith(' "checksum": "')
    once = Manifest.model_validate_json(text)
    assert once.checksum
    assert once.text() == text, "the checksum is of all but itself"
    path = tmp_path / "manifest.json"
    # A text that has the checksum elsewhere too.
    path.write_text(text.replace('"fingerprint": "f"', f'"fingerprint": "{once.checksum}"'))
    with pytest.raises(StoreError, match="is not as it was written"):
        Manifest.read(path)
    named = MANIFEST.model_copy(update={"failed": {"w": "decoder-crash"}})
    path.write_text(named.text())
    assert Manifest.read(path) == named


def test_the_versions_of_the_libraries_are_known():
    assert set(library_versions()) == {"av", "egoshift", "numpy", "torch", "transformers"}
    assert all(re.match(r"\d", version) for (version,) in library_versions().values())


def test_the_version_of_openvino_counts_where_it_computes(monkeypatch):
    monkeypatch.setattr(module, "version", lambda name: f"{name} 1")
    library_versions.cache_clear()
    try:
        assert library_versions("openvino")["openvino"] == ("openvino 1",)
    finally:
        library_versions.cache_clear()
