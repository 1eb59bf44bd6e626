import re

import pytest

from egoshift.errors import StoreError
from egoshift.features import FramePlan, Manifest, VideoEntry
from egoshift.features.manifest import library_versions

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


def test_the_versions_of_the_libraries_are_known():
    assert set(library_versions()) == {"av", "egoshift", "numpy", "torch", "transformers"}
    assert all(re.match(r"\d", version) for (version,) in library_versions().values())
