"""Files that would run something, were anything in them ever run: each reader gets each, and nothing happens.

A payload makes a folder called ``made``, and a test below shows that it would. ``ROWS`` has a row for every reader of
other people's files; ``READERS`` lists the modules that parse such files, and a new one without a row fails.
"""

import io
import json
import pickle
import re
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egoshift.errors import EgoshiftError
from tests.fixtures.videos import write_video

SOURCE = Path(__file__).parents[3] / "src" / "egoshift"
MADE = "made"


class Payload:
    """Loading it with pickle makes the folder."""

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.mkdir, (MADE,)


PICKLES = {
    **{f"REDUCE, protocol {n}": pickle.dumps([{"x": (Payload(),)}], n) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
    "GLOBAL": b"cos\nmkdir\n(S'made'\ntR.",
    "INST": b"(S'made'\nios\nmkdir\n.",
    "OBJ": b"(cos\nmkdir\nS'made'\no.",
    "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x04made\x85R.",
    "eval": b'cbuiltins\neval\n(S\'__import__("os").mkdir("made")\'\ntR.',
    "getattr": b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(S'os'\ntRS'mkdir'\ntR(S'made'\ntR.",
    "inner": pickle.dumps(pickle.dumps(Payload()), 2)[:-1] + b"0cpickle\nloads\n(C" + b"\x20" + b" " * 32 + b"tR.",
    "BUILD": b"ccollections\nOrderedDict\n)R}S'__setstate__'\ncos\nmkdir\nsbS'made'\nb.",
    "BUILD of an array": b"cnumpy.core.multiarray\n_reconstruct\n(cos\nmkdir\nS'made'\ntRS'made'\nb.",
    "NEWOBJ": b"\x80\x02csubprocess\nPopen\n]X\x05\x00\x00\x00mkdiraX\x04\x00\x00\x00madea\x85\x81.",
    "torch": b"ctorch.hub\n_import_module\n(S'x'\nS'made'\ntR.",
}
"""Ways to have a function called, by the instruction that does it."""


def test_the_payloads_work_where_pickles_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = []
    for name in (
        "REDUCE, protocol 0",
        "REDUCE, protocol 5",
        "GLOBAL",
        "INST",
        "OBJ",
        "STACK_GLOBAL",
        "eval",
        "getattr",
    ):
        folder = tmp_path / name.replace(" ", "")
        folder.mkdir()
        monkeypatch.chdir(folder)
        pickle.loads(PICKLES[name])
        worked.append((folder / MADE).is_dir())
    assert worked == [True] * 8


def _zip(content: bytes, **entries: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", content)
        for name, entry in entries.items():
            archive.writestr(name, entry)
    return file.getvalue()


def _objects(*, zipped: bool) -> bytes:
    """An array of objects, which NumPy writes as a pickle."""
    array = np.empty(1, object)
    array[0] = Payload()
    file = io.BytesIO()
    if zipped:
        np.savez(file, meta=array, **{"0_acc": array})  # type: ignore[arg-type]
    else:
        np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _spanned(text: str) -> bytes:
    """Text where a safetensors file has its header."""
    return struct.pack("<Q", len(text.encode())) + text.encode()


YAMLS = (
    "!!python/object/apply:os.mkdir [made]",
    "!!python/object/new:os.mkdir [made]",
    "x: !!python/object/apply:os.mkdir [made]",
    "x: !!python/name:os.mkdir ''",
    "x: !!python/module:evil ''",
    "x: !!python/object/apply:subprocess.check_call [[mkdir, made]]",
)

Contents = dict[str, bytes]
"""What is tried, by name."""

_PICKLES: Contents = PICKLES
_ZIPS: Contents = {name: _zip(content) for name, content in PICKLES.items()}
_SCRIPTS: Contents = {
    "code": _zip(
        PICKLES["GLOBAL"], **{"x/code/__torch__.py": b"import os\nos.mkdir('made')\n", "x/constants.pkl": b"."}
    ),
    "module": _zip(b"c__torch__\nEvil\n)\x81}S'x'\ncos\nmkdir\n(S'made'\ntRsb."),
    "traversal": _zip(pickle.dumps({}, 2), **{"../made/x": b"x", "/tmp/made": b"x"}),
}
_TEXTS: Contents = {f"YAML {number}": text.encode() for number, text in enumerate(YAMLS)}
_CELLS: Contents = {
    name: f"video,start,stop,verb,noun,name,canonical\n{cell},0,1,{cell},{cell},{cell},cup\n".encode()
    for name, cell in {"formula": "=cmd|'/c mkdir made'!A0", "macro": "@SUM(1+1)*cmd", "shell": "$(mkdir made)"}.items()
}
_JSONS: Contents = {
    "reduce": json.dumps({"__reduce__": ["os.mkdir", ["made"]], "py/object": "os.mkdir"}).encode(),
    "pickle": PICKLES["GLOBAL"],
    "list": b'[{"__class__": "os.mkdir"}]',
}
_TENSORS: Contents = {**_PICKLES, "header": _spanned('{"__metadata__": {"state": "cos\\nmkdir"}}')}
_ARRAYS: Contents = {**_PICKLES, "objects": _objects(zipped=False)}
_ARCHIVES: Contents = {**_PICKLES, "objects": _objects(zipped=True), "zip": _zip(PICKLES["GLOBAL"])}
_PICTURES: Contents = {
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%mkdir made) (w) file\nshowpage\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "pickle": PICKLES["GLOBAL"],
}


def _frames(folder: Path, content: bytes) -> object:
    from egoshift.media import probe, read_frames

    frames = folder / "frames"
    frames.mkdir()
    (frames / "frame_0000000001.jpg").write_bytes(content)
    probe(frames, 10.0)
    return list(read_frames(frames, np.zeros(1), 10.0))


def _file(name: str, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    """A reader of one file of some name."""

    def given(folder: Path, content: bytes) -> object:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return read(path)

    return given


def _store(folder: Path, content: bytes) -> object:
    from egoshift.features.store import Store
    from tests.unit.features.examples import make_store

    make_store(folder / "store", {"a": [0.0, 0.5]})
    (folder / "store" / "full.npy").write_bytes(content)
    return Store.open(folder / "store")


def _manifest(folder: Path, content: bytes) -> object:
    from egoshift.features.store import Store

    (folder / "manifest.json").write_bytes(content)
    return Store.open(folder)


def _part(folder: Path, content: bytes) -> object:
    from egoshift.features.parts import read_parts

    (folder / "unfinished").mkdir()
    (folder / "unfinished" / "a.safetensors").write_bytes(content)
    return read_parts(folder)


def _checkpoint(name: str) -> Callable[[Path, bytes], object]:
    def given(folder: Path, content: bytes) -> object:
        from egoshift.methods import ZeroShot
        from egoshift.training import TrainedModel, save_checkpoint
        from tests.unit.evaluation.toy import toy_text

        save_checkpoint(folder, ZeroShot(), toy_text())
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"digests": {}, "checksum": ""}))
        (folder / name).write_bytes(content)
        return TrainedModel.from_pretrained(folder)

    return given


def _resume(folder: Path, content: bytes) -> object:
    from trust.fuzz.targets.models import _job

    from egoshift.training.resume import load_resume_point

    (folder / "resume.safetensors").write_bytes(content)
    classifier, optimizer, job = _job()
    return load_resume_point(folder, job, classifier, optimizer)


def _weights(name: str) -> Callable[[Path, bytes], object]:
    def given(folder: Path, content: bytes) -> object:
        from egoshift.encoders import load_image_encoder
        from tests.fixtures.checkpoints import write_clip

        write_clip(folder / "clip")
        if name == "pytorch_model.bin":
            (folder / "clip" / "model.safetensors").unlink()
        (folder / "clip" / name).write_bytes(content)
        return load_image_encoder(str(folder / "clip"), precision="float32")

    return given


def _tokenizer(name: str) -> Callable[[Path, bytes], object]:
    def given(folder: Path, content: bytes) -> object:
        from egoshift.encoders import load_text_encoder
        from tests.fixtures.checkpoints import write_clip

        write_clip(folder / "clip", layout="tokenizer.json" if name == "tokenizer.json" else "vocab.json")
        if name.endswith(".gz"):
            (folder / "clip" / "vocab.json").unlink()
        (folder / "clip" / name).write_bytes(content)
        return load_text_encoder(str(folder / "clip"))

    return given


def _licence(folder: Path, content: bytes) -> object:
    from egoshift.encoders.folder import licence

    (folder / "README.md").write_bytes(b"---\nlicense: " + content + b"\n---\n")
    assert licence(folder) == "unknown" or b"!!" not in content
    return None


_PLACES = {
    "claim_parts": "egoshift.app.results",
    "DataCard": "egoshift.datasets.card",
    "read_classyglass": "egoshift.datasets.classyglass",
    "read_synonyms": "egoshift.datasets.vocabulary",
    "read_checkpoint": "egoshift.encoders.archive",
    "check_cfg": "egoshift.encoders.layouts.mvit",
    "MultiscaleConfig": "egoshift.encoders.mvit_config",
    "Result": "egoshift.evaluation",
    "read_episodes": "egoshift.evaluation.episode_lists",
    "ModalityResult": "egoshift.evaluation.modality_result",
    "read_box_table": "egoshift.media.box_table",
    "read_clip_ends": "egoshift.media.egoclip_boxes",
    "read_egoclip_boxes": "egoshift.media.egoclip_boxes",
    "read_epic_hoa": "egoshift.media.epic_hoa",
    "GlassesArchive": "egoshift.media.inertial",
    "read_ego4d_imu": "egoshift.media.inertial",
    "PalmLocator": "egoshift.media.palm",
    "probe": "egoshift.media.video",
    "read_timeline": "egoshift.prediction.formats.json",
    "load_package": "egoshift.prediction.package",
    "read_segments": "egoshift.prediction.segment_table",
    "read_words": "egoshift.prediction.words",
    "read_rates": "egoshift.recipes.plan_rates",
    "read_run": "egoshift.recipes.run_files",
}
"""Where readers are, imported late: heavy modules are not imported where tests are collected."""


def _reader(name: str) -> Any:
    return getattr(import_module(_PLACES[name]), name)


def _glasses(path: Path) -> object:
    fields = {"name": "x", "format": "classyglass", "annotations": path}
    return _reader("read_classyglass")(_reader("DataCard").model_validate(fields), False)


def _cfg(path: Path) -> object:
    return _reader("check_cfg")(path.read_text(errors="replace"), _reader("MultiscaleConfig")(), path)


def _named(file: str, name: str) -> Callable[[Path, bytes], object]:
    return _file(file, lambda path: _reader(name)(path))


def _ego4d(folder: Path, content: bytes) -> object:
    from egoshift.datasets.card import DataCard
    from egoshift.datasets.readers import load_dataset

    (folder / "fho_lta_taxonomy.json").write_bytes(content)
    (folder / "fho_lta_train.json").write_bytes(content)
    card = DataCard(name="x", format="ego4d-fho", annotations=folder, videos=folder)
    return load_dataset(card, need_videos=False)


@dataclass(frozen=True)
class Row:
    """A reader.

    Attributes:
        module: Where it parses, from the package's folder.
        give: Puts content where it is read, and reads it.
        contents: What it is given.
        text: Whether the content is text to it, and may be taken for some.
    """

    module: str
    give: Callable[[Path, bytes], object]
    contents: Contents
    text: bool = False


ROWS: dict[str, Row] = {
    "EPIC detections": Row(
        "media/plain_pickle.py",
        _file("P01_01.pkl", lambda path: _reader("read_epic_hoa")(path, "P01_01", 50.0)),
        _PICKLES,
    ),
    "EgoClip detections": Row(
        "media/plain_pickle.py",
        _file("0.handobj.pkl", lambda path: _reader("read_egoclip_boxes")(path.parent, {10.0: 14.0})),
        _PICKLES,
        text=True,
    ),
    "EgoClip list": Row("media/egoclip_boxes.py", _named("egoclip.csv", "read_clip_ends"), _CELLS),
    "archive": Row("encoders/archive.py", _named("x.pt", "read_checkpoint"), {**_ZIPS, **_SCRIPTS}, text=True),
    "legacy checkpoint": Row("encoders/inert_pickle.py", _named("x.pth", "read_checkpoint"), _PICKLES),
    "safetensors checkpoint": Row(
        "encoders/archive.py", _named("x.safetensors", "read_checkpoint"), _TENSORS, text=True
    ),
    "pytorch_model.bin": Row("encoders/folder.py", _weights("pytorch_model.bin"), {**_ZIPS, **_PICKLES}),
    "encoder's safetensors": Row("encoders/folder.py", _weights("model.safetensors"), {**_ZIPS, **_TENSORS}),
    "encoder's config": Row("encoders/tower.py", _weights("config.json"), {**_JSONS, **_TEXTS}),
    "encoder's preparation": Row("encoders/rule.py", _weights("preprocessor_config.json"), {**_JSONS, **_TEXTS}),
    "tokenizer": Row("encoders/tokens.py", _tokenizer("tokenizer.json"), {**_JSONS, **_PICKLES}),
    "vocabulary": Row("encoders/tokens.py", _tokenizer("vocab.json"), _JSONS),
    "merges": Row("encoders/tokens.py", _tokenizer("bpe_simple_vocab_16e6.txt.gz"), _PICKLES),
    "README of weights": Row("encoders/folder.py", _licence, _TEXTS, text=True),
    "cfg in weights": Row("encoders/layouts/mvit.py", _file("cfg", _cfg), _TEXTS),
    "checkpoint's weights": Row(
        "training/checkpoint.py", _checkpoint("model.safetensors"), {**_ZIPS, **_TENSORS}, text=True
    ),
    "checkpoint's text": Row("training/checkpoint.py", _checkpoint("text.safetensors"), {**_ZIPS, **_TENSORS}),
    "checkpoint's config": Row("training/checkpoint.py", _checkpoint("config.json"), {**_JSONS, **_TEXTS}),
    "resume point": Row("training/resume.py", _resume, {**_ZIPS, **_TENSORS}),
    "store's array": Row("features/store.py", _store, _ARRAYS),
    "store's manifest": Row("features/manifest.py", _manifest, {**_JSONS, **_TEXTS}),
    "store's part": Row("features/parts.py", _part, _TENSORS, text=True),
    "glasses": Row("media/inertial/glasses.py", _named("x.npz", "GlassesArchive"), _ARCHIVES),
    "classyglass": Row("datasets/classyglass.py", _file("x.npz", _glasses), _ARCHIVES),
    "inertial table": Row("media/inertial/table.py", _named("x.csv", "read_ego4d_imu"), {**_CELLS, **_PICKLES}),
    "boxes CSV": Row("media/box_table.py", _named("x.csv", "read_box_table"), {**_CELLS, **_PICKLES}),
    "boxes Parquet": Row("media/box_table.py", _named("x.parquet", "read_box_table"), {**_CELLS, **_PICKLES}),
    "card": Row("datasets/card.py", _file("x.yaml", lambda path: _reader("DataCard").read(path)), _TEXTS),
    "run": Row("recipes/run_files.py", _named("x.yaml", "read_run"), _TEXTS),
    "segments": Row("datasets/files.py", _named("x.csv", "read_segments"), _CELLS, text=True),
    "synonyms": Row("datasets/files.py", _named("x.csv", "read_synonyms"), _CELLS, text=True),
    "class list": Row(
        "datasets/files.py", _file("x.txt", lambda path: _reader("read_words")(str(path), "nouns")), _CELLS, text=True
    ),
    "ego4d": Row("datasets/files.py", _ego4d, _JSONS),
    "episodes": Row(
        "evaluation/episode_lists.py",
        _file("x.json", lambda path: _reader("read_episodes")(path, ids=("a",), names=("b",))),
        _JSONS,
    ),
    "result": Row("evaluation/result.py", _file("x.json", lambda path: _reader("Result").read(path)), _JSONS),
    "modalities": Row(
        "evaluation/modality_result.py", _file("x.json", lambda path: _reader("ModalityResult").read(path)), _JSONS
    ),
    "claims": Row("app/results.py", _named("x.json", "claim_parts"), _JSONS),
    "rates": Row("recipes/plan_rates.py", _named("x.json", "read_rates"), _JSONS),
    "timeline": Row("prediction/formats/json.py", _named("x.json", "read_timeline"), _JSONS),
    "package": Row(
        "prediction/package.py", _file("predictor.json", lambda path: _reader("load_package")(path.parent)), _JSONS
    ),
    "palm detector": Row("media/palm.py", _named("x.onnx", "PalmLocator"), {**_PICKLES, **_ZIPS}),
    "video": Row("media/container.py", _named("x.mp4", "probe"), {**_PICKLES, **_PICTURES}),
    "frames": Row("media/frames.py", _frames, _PICTURES),
}


@pytest.mark.parametrize(
    ("row", "kind"), [(name, kind) for name, row in ROWS.items() for kind in row.contents], ids=lambda value: value
)
def test_nothing_in_a_file_is_run(
    row: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("import os\nos.mkdir('made')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        ROWS[row].give(given, ROWS[row].contents[kind])
    except EgoshiftError as error:
        lines = str(error).splitlines()
        assert lines
        assert all(line.isprintable() and len(line) < 2100 for line in lines)
    else:
        assert ROWS[row].text, "the reader takes it for what it reads"
    assert not [path for path in tmp_path.rglob(MADE)]


PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{place}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{place}'\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011" mediaPresentationDuration="PT1S"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="0" bandwidth="1"><BaseURL>{place}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("to", ["file", "network"])
def test_a_list_of_files_that_poses_as_a_video_opens_none(
    kind: str, to: str, tmp_path: Path, listener: socket.socket
) -> None:
    from egoshift.datasets.folder import _duration_s
    from egoshift.datasets.sensors import has_sound
    from egoshift.media import probe, probe_sound
    from egoshift.prediction.live import _opened

    port = listener.getsockname()[1]
    other = write_video(tmp_path / "other.ts", 12, 10, audio=True)
    place = f"file:{other}" if to == "file" else f"http://127.0.0.1:{port}/x.ts"
    for name in ("video.mp4", "video.m3u8", "video.ffconcat"):
        path = tmp_path / name
        path.write_text(PLAYLISTS[kind].format(place=place, port=port))
        for read in (probe, probe_sound, lambda path: _opened(str(path), "x")):
            with pytest.raises(EgoshiftError) as refused:
                read(path)
            assert "\n" not in str(refused.value)
        assert not has_sound(path)
        assert not isinstance(_duration_s(path, None), float)
    with pytest.raises(TimeoutError):
        listener.accept()


def _bomb(path: Path, entry: str, **entries: bytes) -> Path:
    """An archive with an entry of 300 MB that takes 300 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
        with archive.open(entry, "w") as file:
            for _ in range(300):
                file.write(bytes(1 << 20))
    return path


def test_archives_far_larger_than_their_files_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    empty = pickle.dumps({}, 2)
    for number, (entry, entries) in enumerate([("x/data.pkl", {}), ("x/byteorder", {"x/data.pkl": empty})]):
        path = _bomb(tmp_path / f"{number}.pt", entry, **entries)
        with pytest.raises(EgoshiftError, match=r"not a whole checkpoint \(its .* would be") as refused:
            _reader("read_checkpoint")(path)
        assert "\n" not in str(refused.value)
    path = _bomb(tmp_path / "x.npz", "meta.npy")
    for read in (_glasses, _reader("GlassesArchive")):
        with pytest.raises(EgoshiftError, match=r"is no \.npz archive"):
            read(path)


READERS = re.compile(
    r"\b(pickle\.(loads?|Unpickler)|yaml\.(safe_)?load|json\.loads?\(|np\.load\(|av\.open\(|zipfile\.|ZipFile\("
    r"|safe_open\(|safetensors\.torch\.load|load_file\(|(read|scan)_(csv|parquet)\(|InferenceSession\(|onnx\.load"
    r"|torch\.(load|jit\.load)\(|Image\.open\(|Tokenizer\.from_file|\.from_pretrained\(|gzip\.open|SyncVRSReader\("
    r"|model_validate_json\(|parse_(json|yaml)\(|literal_eval\(|ElementTree|np\.(fromfile|memmap)\(|csv\.reader\()"
)

ELSEWHERE = {
    "foreign.py": "the parsers that the rows use",
    "app/routes/runs.py": "questions of the page: the target documents",
    "app/server.py": "opens a package",
    "cli/adapt.py": "opens a package",
    "cli/predict.py": "opens a package",
    "datasets/epic_kitchens.py": "tables of datasets/tables.py; its lists are literals: the target epic-kitchens",
    "datasets/mmg.py": "tables of datasets/tables.py",
    "datasets/sensors.py": "tables of datasets/tables.py; videos: the playlists above",
    "datasets/tables.py": "records of datasets/files.py",
    "datasets/vocabulary.py": "tables of datasets/tables.py",
    "features/checksums.py": "heads of .npy files, as literals: the target stores",
    "features/repair.py": "maps what its checksums say is whole: the target stores",
    "features/rows.py": "parts of stores: the target parts",
    "features/verified.py": "notes of its own",
    "headers.py": "videos: the playlists above, and tests/unit/app/test_videos.py",
    "isolation/messages.py": "what a child says: tests/unit/isolation",
    "media/plain_table.py": "the parsers that tables of boxes, EgoClip's list and inertial tables use",
    "media/aria/pictures.py": "pictures in recordings: the target aria",
    "media/aria/vrs.py": "recordings, which hold no code: the target aria",
    "prediction/card.py": "shows a command",
    "prediction/formats/eaf.py": "writes XML",
    "prediction/export/graph.py": "opens what it has just written",
    "prediction/live.py": "streams: the playlists above",
    "prediction/overlay.py": "writes videos",
    "prediction/predictor.py": "opens a package",
    "prediction/segment_table.py": "tables of datasets/tables.py",
    "prediction/words.py": "tables of datasets/tables.py",
    "recipes/claims/pictures.py": "what the package ships",
    "recipes/sensor_encoders.py": "asks whether a folder is a checkpoint",
    "recipes/tables.py": "asks which kind of result a file is: the target results",
    "recipes/worlds/pool.py": "answers of its own processes",
    "recipes/worlds/replicate.py": "marks of its own",
    "recipes/worlds/train_lavila.py": "what the package ships",
    "recipes/worlds/worker.py": "orders of its own parent",
    "remote/records.py": "notes of its own cache",
    "training/pretrained.py": "opens a checkpoint",
    "world/files/boxes.py": "joins what it has just written",
    "world/film.py": "writes videos",
    "world/order.py": "orders of its own parent",
    "world/pretraining/tokens.py": "what it has just learned",
    "world/pretraining/train_clip.py": "what it has just written",
}
"""Modules that parse, and why they have no row."""


def test_every_reader_of_files_has_a_row() -> None:
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if READERS.search("\n".join(line.partition("  # ")[0] for line in path.read_text().splitlines()))
    }
    covered = {row.module for row in ROWS.values()}
    assert found - covered - set(ELSEWHERE) == set(), "give each a row in ROWS, or a reason in ELSEWHERE"
    assert set(ELSEWHERE) - found == set(), "these parse nothing any more"


def test_yaml_json_tables_and_pickles_are_parsed_in_one_place_each() -> None:
    places = {
        r"\byaml\.(?!safe_dump)[a-z_]*load": {"foreign.py"},
        r"\bjson\.loads?\(": {
            "foreign.py",
            "recipes/worlds/pool.py",
            "recipes/worlds/replicate.py",
            "recipes/worlds/worker.py",
            "recipes/claims/pictures.py",
            "training/checkpoint.py",
            "world/order.py",
            "world/pretraining/tokens.py",
        },
        r"\bpl\.(read|scan)_": {"media/plain_table.py", "world/files/boxes.py"},
        r"pickle\.(loads?\(|Unpickler)": {"media/plain_pickle.py", "encoders/inert_pickle.py"},
        r"allow_pickle=True|[^.]torch\.load\([^'{]|trust_remote_code=True|weights_only=False": set(),
    }
    for pattern, expected in places.items():
        found = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if re.search(pattern, path.read_text())}
        assert found <= expected, pattern
