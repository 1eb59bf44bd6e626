"""ELAN's annotation format, version 3.0 (.eaf): tiers of annotations on a linked recording.

Source: the schema https://www.mpi.nl/tools/elan/EAFv3.0.xsd. Each kind of label has a tier of names and, under it, one
of confidences; its classes are a controlled vocabulary, so that a person who corrects an annotation picks from a list.
Each annotation has time slots of its own, as in files that ELAN writes: shared ones would tie the end of a verb to that
of a noun when either is moved.
"""

import mimetypes
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from egoshift.prediction.formats.cues import milliseconds
from egoshift.prediction.timeline import Segment, Timeline

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
UNDETERMINED = ("und", "http://cdb.iso.org/lg/CDB-00130975-001", "undetermined (und)")
"""The language of class names: its code, definition and name in ELAN's list."""

MIME_TYPES = {".mkv": "video/x-matroska", ".webm": "video/webm", ".m4v": "video/mp4", ".avi": "video/x-msvideo"}
"""What systems differ in, or do not know."""

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def eaf_text(timeline: Timeline, path: Path) -> str:
    """The timeline as an ELAN document.

    Args:
        timeline: What was recognised.
        path: Where the text will lie: the recording is linked relative to it, too.
    """
    root = Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "egoshift",
            "DATE": datetime.now().astimezone().isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": XSI,
            "xsi:noNamespaceSchemaLocation": SCHEMA,
        },
    )
    header = SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    _add_media(header, Path(timeline.video), path)
    time_order = SubElement(root, "TIME_ORDER")
    tiers = _Tiers(root)
    for label, track in timeline.tracks.items():
        tiers.add(label, track)
    tiers.number_slots(time_order)
    _add_properties(header, timeline, tiers.num_annotations)
    _add_types(root, timeline)
    indent(root)
    # ElementTree leaves carriage returns in texts as they are, which every reader then takes for line feeds.
    text = tostring(root, encoding="unicode").replace("\r", "&#13;")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


class _Tiers:
    """The tiers of a document while it is built."""

    def __init__(self, root: Element):
        self._root = root
        self._slots: list[tuple[int, Element, str]] = []
        self.num_annotations = 0

    def add(self, label: str, track: Sequence[Segment]) -> None:
        """A tier of names and one of confidences; more of them where segments overlap, as in a tier they may not."""
        for number, row in enumerate(_rows(track), 1):
            self._add(label if number == 1 else f"{label} {number}", label, row)

    def _add(self, name: str, label: str, row: Sequence[tuple[int, int, Segment]]) -> None:
        names = SubElement(self._root, "TIER", TIER_ID=name, LINGUISTIC_TYPE_REF=label)
        sure = SubElement(
            self._root, "TIER", TIER_ID=f"{name} confidence", LINGUISTIC_TYPE_REF="confidence", PARENT_REF=name
        )
        for start, stop, segment in row:
            of = self._annotation(names, "ALIGNABLE_ANNOTATION", segment.name)
            self._slots += [(start, of, "TIME_SLOT_REF1"), (stop, of, "TIME_SLOT_REF2")]
            below = self._annotation(sure, "REF_ANNOTATION", f"{segment.confidence:.3f}")
            below.set("ANNOTATION_REF", of.attrib["ANNOTATION_ID"])

    def number_slots(self, time_order: Element) -> None:
        """Number the time slots in the order of time and make the annotations refer to them."""
        for number, (time_ms, annotation, reference) in enumerate(sorted(self._slots, key=lambda slot: slot[0]), 1):
            SubElement(time_order, "TIME_SLOT", TIME_SLOT_ID=f"ts{number}", TIME_VALUE=str(time_ms))
            annotation.set(reference, f"ts{number}")

    def _annotation(self, tier: Element, kind: str, value: str) -> Element:
        self.num_annotations += 1
        annotation = SubElement(SubElement(tier, "ANNOTATION"), kind, ANNOTATION_ID=f"a{self.num_annotations}")
        SubElement(annotation, "ANNOTATION_VALUE").text = _legal(value)
        return annotation


def _rows(track: Sequence[Segment]) -> list[list[tuple[int, int, Segment]]]:
    """A track's annotations with their times in milliseconds, in rows of such as do not overlap; at least one row."""
    rows: list[list[tuple[int, int, Segment]]] = [[]]
    for segment in sorted(track, key=lambda each: each.start_s):
        start, stop = milliseconds(segment.start_s), milliseconds(segment.stop_s)
        if segment.is_background or stop <= start:
            continue
        row = next((row for row in rows if not row or row[-1][1] <= start), None)
        if row is None:
            rows.append(row := [])
        row.append((start, stop, segment))
    return rows


def _add_media(header: Element, video: Path, path: Path) -> None:
    if video.is_dir() or not video.suffix:  # frames, a camera or standard input: nothing that ELAN plays
        return
    suffix = video.suffix.lower()
    kind = MIME_TYPES.get(suffix) or mimetypes.guess_type(f"a{suffix}")[0] or "unknown"
    # ELAN's own files write paths plainly, with spaces and accents, and not as a URL would have them.
    absolute = video.resolve().as_posix().removeprefix("/")
    attributes = {"MEDIA_URL": _legal(f"file:///{absolute}"), "MIME_TYPE": kind}
    try:
        relative = Path(os.path.relpath(video.resolve(), path.resolve().parent)).as_posix()
    except ValueError:  # another drive: there is no way from here to there
        relative = None
    if relative is not None:
        attributes["RELATIVE_MEDIA_URL"] = _legal(relative if relative.startswith("..") else f"./{relative}")
    SubElement(header, "MEDIA_DESCRIPTOR", attributes)


def _add_properties(header: Element, timeline: Timeline, num_annotations: int) -> None:
    properties = {"lastUsedAnnotationId": str(num_annotations), "egoshift model": timeline.model}
    if timeline.partial:
        properties["egoshift partial"] = f"{timeline.covered_s:.3f} s of {timeline.duration_s:.3f} s were looked at"
    for name, value in properties.items():
        SubElement(header, "PROPERTY", NAME=name).text = _legal(value)


def _add_types(root: Element, timeline: Timeline) -> None:
    for label in timeline.tracks:
        linguistic_type = {"TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": label}
        if timeline.classes.get(label):
            linguistic_type["CONTROLLED_VOCABULARY_REF"] = label
        SubElement(root, "LINGUISTIC_TYPE", linguistic_type)
    SubElement(
        root,
        "LINGUISTIC_TYPE",
        TIME_ALIGNABLE="false",
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID="confidence",
        CONSTRAINTS="Symbolic_Association",
    )
    code, definition, name = UNDETERMINED
    SubElement(root, "LANGUAGE", LANG_ID=code, LANG_DEF=definition, LANG_LABEL=name)
    SubElement(root, "CONSTRAINT", STEREOTYPE="Symbolic_Association", DESCRIPTION="One for each annotation above it")
    for label in timeline.tracks:
        if names := timeline.classes.get(label):
            vocabulary = SubElement(root, "CONTROLLED_VOCABULARY", CV_ID=label)
            SubElement(vocabulary, "DESCRIPTION", LANG_REF=code)
            for index, each in enumerate(names):
                entry = SubElement(vocabulary, "CV_ENTRY_ML", CVE_ID=f"{label}{index}")
                SubElement(entry, "CVE_VALUE", LANG_REF=code, DESCRIPTION="").text = _legal(each)


def _legal(text: str) -> str:
    return NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
