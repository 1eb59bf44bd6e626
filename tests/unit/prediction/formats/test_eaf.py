"""EAF: pympi gives every annotation back; the document has the structure of the 3.0 schema."""

from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from pympi.Elan import Eaf  # type: ignore[import-untyped]

from egoshift.prediction import Timeline
from egoshift.prediction.formats import write_timeline
from egoshift.prediction.formats.eaf import NO_XML
from tests.unit.prediction.timelines import HARD_NAMES, hard, kitchen, segment, timeline, timelines

ORDER = ("HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LANGUAGE", "CONSTRAINT", "CONTROLLED_VOCABULARY")
"""The order that the schema asks of what we write."""


def written(folder: Path, each: Timeline) -> Path:
    path = folder / "a.eaf"
    write_timeline(each, "eaf", path)
    check_structure(ElementTree.parse(path).getroot())
    return path


def check_structure(root: ElementTree.Element) -> None:
    """The rules of EAFv3.0.xsd that bear on elements that we write: order, required attributes, references, times."""
    assert {root.attrib[name] for name in ("FORMAT", "VERSION")} == {"3.0"}
    assert datetime.fromisoformat(root.attrib["DATE"]).tzinfo is not None
    places = [ORDER.index(child.tag) for child in root]
    assert places == sorted(places)
    assert [child.tag for child in root][:2] == ["HEADER", "TIME_ORDER"]
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    assert len(slots) == len(list(root.iter("TIME_SLOT")))
    assert list(slots.values()) == sorted(slots.values())
    ids = [a.attrib["ANNOTATION_ID"] for kind in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION") for a in root.iter(kind)]
    assert len(set(ids)) == len(ids)
    for annotation in root.iter("ALIGNABLE_ANNOTATION"):
        assert slots[annotation.attrib["TIME_SLOT_REF1"]] < slots[annotation.attrib["TIME_SLOT_REF2"]]
    assert {annotation.attrib["ANNOTATION_REF"] for annotation in root.iter("REF_ANNOTATION")} <= set(ids)
    types = {each.attrib["LINGUISTIC_TYPE_ID"]: each for each in root.iter("LINGUISTIC_TYPE")}
    tiers = {tier.attrib["TIER_ID"]: tier for tier in root.iter("TIER")}
    assert len(tiers) == len(root.findall("TIER"))
    assert {tier.attrib["LINGUISTIC_TYPE_REF"] for tier in tiers.values()} <= set(types)
    assert {tier.attrib["PARENT_REF"] for tier in tiers.values() if "PARENT_REF" in tier.attrib} <= set(tiers)
    vocabularies = {each.attrib["CV_ID"] for each in root.iter("CONTROLLED_VOCABULARY")}
    named = {each.attrib[ref] for each in types.values() if (ref := "CONTROLLED_VOCABULARY_REF") in each.attrib}
    assert named == vocabularies
    constraints = {each.attrib["STEREOTYPE"] for each in root.iter("CONSTRAINT")}
    assert {each.attrib["CONSTRAINTS"] for each in types.values() if "CONSTRAINTS" in each.attrib} <= constraints


def expected(each: Timeline, label: str) -> list[tuple[int, int, str]]:
    rows = [(round(s.start_s * 1000), round(s.stop_s * 1000), s.name) for s in each.tracks[label] if s.name]  # type: ignore[index]
    return [(start, stop, NO_XML.sub("\N{REPLACEMENT CHARACTER}", name)) for start, stop, name in rows if stop > start]


def test_a_library_gives_back_every_annotation_with_its_confidence(tmp_path):
    eaf = Eaf(str(written(tmp_path, kitchen())))
    assert sorted(eaf.get_tier_names()) == ["noun", "noun confidence", "verb", "verb confidence"]
    assert sorted(eaf.get_annotation_data_for_tier("verb")) == [
        (0, 4000, "take"),
        (4000, 9500, "cut"),
        (12000, 20000, "wash"),
    ]
    assert [row[:3] for row in sorted(eaf.get_ref_annotation_data_for_tier("noun confidence"))] == [
        (2000, 9500, "0.600"),
        (9500, 20000, "0.880"),
    ]


def test_segments_that_overlap_lie_on_tiers_of_their_own(tmp_path):
    spans = [(4, 6, "cut"), (0, 10, "stir"), (5, 7, "pour"), (10, 12, "cut")]
    track = tuple(segment(start, stop, name) for start, stop, name in spans)
    document = Eaf(str(written(tmp_path, timeline({"verb": track}))))
    found = {tier: document.get_annotation_data_for_tier(tier) for tier in ("verb", "verb 2", "verb 3")}
    assert found == {
        "verb": [(0, 10_000, "stir"), (10_000, 12_000, "cut")],
        "verb 2": [(4000, 6000, "cut")],
        "verb 3": [(5000, 7000, "pour")],
    }
    assert len(document.get_ref_annotation_data_for_tier("verb 3 confidence")) == 1


def test_hard_names_come_back_letter_by_letter(tmp_path):
    eaf = Eaf(str(written(tmp_path, hard())))
    assert [name for _, _, name in sorted(eaf.get_annotation_data_for_tier("action"))] == list(HARD_NAMES)
    entries = eaf.controlled_vocabularies["action"][1]
    assert [values[0][0] for values, _ in entries.values()][:2] == [HARD_NAMES[0], "other"]


@given(timelines())
@settings(max_examples=60, deadline=None)
def test_a_library_gives_back_any_timeline(tmp_path_factory, each):
    eaf = Eaf(str(written(tmp_path_factory.mktemp("eaf"), each)))
    for label in each.tracks:
        assert sorted(eaf.get_annotation_data_for_tier(label)) == sorted(expected(each, label))


@pytest.mark.parametrize("each", [timeline({}), timeline({"verb": ()}), timeline({"noun": (segment(0, 3, ""),)})])
def test_a_timeline_without_annotations_opens(tmp_path, each):
    eaf = Eaf(str(written(tmp_path, each)))
    assert all(eaf.get_annotation_data_for_tier(name) == [] for name in each.tracks)


def test_the_recording_is_linked_from_where_the_document_lies(tmp_path, monkeypatch):
    (tmp_path / "videos").mkdir()
    monkeypatch.chdir(tmp_path)
    each = kitchen().model_copy(update={"video": "videos/my küche 1.MP4"})
    write_timeline(each, "eaf", Path("out/deep/a.eaf"))
    media = Eaf("out/deep/a.eaf").media_descriptors
    assert media == [
        {
            "MEDIA_URL": f"file://{tmp_path}/videos/my küche 1.MP4",
            "RELATIVE_MEDIA_URL": "../../videos/my küche 1.MP4",
            "MIME_TYPE": "video/mp4",
        }
    ]
    write_timeline(each, "eaf", Path("videos/a.eaf"))
    assert Eaf("videos/a.eaf").media_descriptors[0]["RELATIVE_MEDIA_URL"] == "./my küche 1.MP4"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.mp4", "video/mp4"), ("a.mov", "video/quicktime"), ("a.mkv", "video/x-matroska"), ("a.zzz", "unknown")],
)
def test_the_kind_of_the_recording_is_told(tmp_path, name, kind):
    path = written(tmp_path, kitchen().model_copy(update={"video": name}))
    assert Eaf(str(path)).media_descriptors[0]["MIME_TYPE"] == kind


def test_frames_and_cameras_are_not_linked(tmp_path):
    for video in (str(tmp_path), "0", "-"):
        assert Eaf(str(written(tmp_path, kitchen().model_copy(update={"video": video})))).media_descriptors == []


def test_a_partial_timeline_says_so(tmp_path):
    each = timeline({"verb": (segment(0, 3, "take"),)}, duration_s=60, partial=True)
    assert ("egoshift partial", "3.000 s of 60.000 s were looked at") in Eaf(str(written(tmp_path, each))).properties
