"""Every file that a user keeps is written whole or not at all: what writes by itself is listed, with the reason."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import egoshift

SOURCE = Path(egoshift.__file__).parent

_METHODS = frozenset(
    "write_text write_bytes write_csv write_parquet write_json write_ndjson write_ipc write_excel save savez savefig "
    "save_file save_model tofile touch hardlink_to symlink_to dump".split()
)
_OF_SHUTIL = frozenset("copy copy2 copyfile copytree move".split())
_MOVES = frozenset(("replace", "rename", "renames"))
_BY_NAME = frozenset(("av", "os", "zipfile", "tarfile", "gzip", "io", "Image"))
"""Whose ``open`` takes a name first and the mode second."""

ALLOWED: Mapping[str, str] = {
    "app/pictures.py: picture.save": "into memory",
    "app/uploads.py: path.open": "a private temporary file, removed with the page that gave it",
    "features/assembly.py: (finished / MANIFEST).replace": "the last step of a merge, finished when interrupted",
    "features/assembly.py: path.replace": "a step of a merge, which is finished when interrupted",
    "features/assembly.py: path.open": "an array in next, which counts for nothing until its manifest is there",
    "features/draft.py: part.replace": "a whole part of a worker's, moved",
    "features/rows.py: np.memmap": "a file without a name, gone with the process",
    "files.py: file.replace": "is how files are replaced",
    "files.py: unfinished.open": "is how files are replaced",
    "files.py: unfinished.replace": "is how files are replaced",
    "prediction/export/folder.py: np.save": "into memory",
    "prediction/export/graph.py: program.save": "into a folder of moving_into",
    "prediction/overlay.py: av.open": "to the file that replacing gave its caller",
    "recipes/claims/forest.py: figure.savefig": "into memory",
    "recipes/modalities/examples.py: Image.fromarray(frame).save": "into memory",
    "recipes/plan_rates.py: (folder / 'preprocessor_config.json').write_text": "in a temporary folder",
    "recipes/plots.py: figure.savefig": "into memory",
    "recipes/tensorboard.py: (folder / '.writable').touch": "an empty file that asks whether others can be written",
    "remote/cache.py: to.open": "a copy beside its place, synchronised and renamed by _fetch",
    "remote/cache.py: unfinished.replace": "a copy, which is compared with its digest before it is used",
    "remote/cache.py: unfinished.touch": "an empty stand-in, renamed",
    "remote/publish.py: mark.touch": "an empty mark",
    "training/checkpoint.py: safetensors.torch.save": "into memory",
    "training/resume.py: safetensors.torch.save": "into memory",
}
"""Calls that write, and why each may."""

SCRIPTS: Mapping[str, str] = {
    "recipes/worlds/train_lavila.py": "makes the package's own weights; run by whoever builds the package",
    "world/pretraining/": "the same",
    "world/sheets.py": "draws the pictures of the documentation",
}
"""Files that no command of a user runs."""


def _mode(call: ast.Call, place: int) -> str:
    """The mode of an ``open`` that writes, where it is a literal."""
    given = [*call.args[place : place + 1], *(word.value for word in call.keywords if word.arg == "mode")]
    words = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return next((word for word in words if set(word) <= set("rwaxbt+") and set(word) & set("wax+")), "")


def _writes(call: ast.Call) -> bool:
    """Whether a call writes or moves a file; what goes to the file that ``replacing`` gave does not count."""
    if any(isinstance(node, ast.Name) and node.id == "unfinished" for arg in call.args for node in ast.walk(arg)):
        return False
    if isinstance(call.func, ast.Name):
        return call.func.id == "open" and bool(_mode(call, 1))
    if not isinstance(call.func, ast.Attribute):
        return False
    name, owner = call.func.attr, ast.unparse(call.func.value)
    if name in ("open", "fdopen"):
        return bool(_mode(call, 1 if owner in _BY_NAME else 0))
    if name == "memmap":
        return bool(_mode(call, 2))
    if name in _MOVES:  # a text's has two arguments, a table's a dict or named ones
        return owner == "os" or (len(call.args) == 1 and not call.keywords and not _is_names(call.args[0]))
    return (name in _METHODS and bool(call.args or name == "touch")) or (name in _OF_SHUTIL and owner == "shutil")


def _is_names(arg: ast.expr) -> bool:
    return isinstance(arg, ast.Dict) or (isinstance(arg, ast.Name) and arg.id.isupper())


def _direct_writes() -> Iterator[str]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if any(name.startswith(script) for script in SCRIPTS):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _writes(node):
                yield f"{name}: {ast.unparse(node.func)}"


def test_whatever_writes_by_itself_is_listed_with_a_reason() -> None:
    found = set(_direct_writes())
    assert found - set(ALLOWED) == set(), "write with egoshift.files, or list it with a reason"
    assert set(ALLOWED) - found == set(), "these are gone: take them off the list"


def test_scripts_that_are_left_out_exist_and_no_command_imports_them() -> None:
    modules = [name.removesuffix(".py").removesuffix("/").replace("/", ".") for name in SCRIPTS]
    for name in SCRIPTS:
        assert (SOURCE / name).exists()
    for path in sorted((SOURCE / "cli").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not [module for module in modules if f"egoshift.{module}" in text]


def test_each_way_to_write_is_seen() -> None:
    seen = [
        "open('a', 'w')",
        "path.open('wb')",
        "path.open(mode='a')",
        "path.write_text('')",
        "table.write_csv(path)",
        "np.save(path, x)",
        "figure.savefig(path)",
        "shutil.copyfile(a, b)",
        "a.replace(b)",
        "os.rename(a, b)",
        "np.memmap(file, dtype, 'w+')",
    ]
    unseen = [
        "open('a')",
        "path.open('rb')",
        "text.replace('a', 'b')",
        "rows.rename({'a': 'b'})",
        "table.write_csv(unfinished)",
        "np.memmap(file, dtype, 'r')",
    ]
    for expected, texts in ((True, seen), (False, unseen)):
        for text in texts:
            call = ast.parse(text).body[0].value  # type: ignore[attr-defined]
            assert _writes(call) is expected, text
