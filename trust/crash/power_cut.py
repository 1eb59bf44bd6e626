"""Whether what a command wrote would be there after a power cut, judged from the order of its calls.

A power cut may keep or lose anything that was not synced, in any order: the content of a file is safe after an fsync
of the file, its name after one of its folder. So, of every file that is left in the end:

- it was synced after its last write, and before it took its name by a rename;
- its folder was synced after it took its name, and the folders above it before.

What has a manifest or a configuration beside it is named by that last: the other names are safe before.
"""

from collections.abc import Sequence
from pathlib import PurePath

from trust.crash.faults import Call

LAST = ("manifest.json", "config.json")
"""Files that say what lies beside them; they take their names after all others."""


def unsafe(calls: Sequence[Call]) -> list[str]:
    """What a power cut could lose or tear, a line each.

    Args:
        calls: Of a command that ran to its end, all of which succeeded, but for making folders that were there.
    """
    dirty: set[str] = set()  # written since they were synced
    unnamed: dict[str, str] = {}  # paths whose name is not safe, with the folder that holds it
    faults: list[str] = []
    for call in calls:
        path = call.path
        if call.operation in ("open", "write", "truncate") and "(deleted)" not in path:
            dirty.add(path)
            if call.operation == "open":
                unnamed[path] = str(PurePath(path).parent)
        elif call.operation == "fsync":
            dirty.discard(path)
            unnamed = {name: folder for name, folder in unnamed.items() if folder != path}
        elif call.operation == "remove":
            dirty.discard(path)
            unnamed.pop(path, None)
        elif call.operation == "mkdir":
            unnamed.setdefault(path, str(PurePath(path).parent))
        elif call.operation == "rename":
            faults += _rename(call, dirty, unnamed)
    faults += [f"{path} is not synced" for path in sorted(dirty)]
    return faults + [f"the name {path} is not synced" for path in sorted(unnamed)]


def _rename(call: Call, dirty: set[str], unnamed: dict[str, str]) -> list[str]:
    faults = [f"{call.new_path} took its name before its content was synced"] if call.path in dirty else []
    above = {str(folder) for folder in PurePath(call.new_path).parents}
    faults += [f"{call.new_path} took its name in {path}, which was not safe" for path in sorted(above & set(unnamed))]
    dirty.discard(call.path)
    unnamed.pop(call.path, None)
    folder, name = str(PurePath(call.new_path).parent), PurePath(call.new_path).name
    if name in LAST:
        early = sorted(path for path, holder in unnamed.items() if holder == folder)
        faults += [f"{call.new_path} took its name before {path} beside it was safe" for path in early]
    unnamed[call.new_path] = folder
    return faults
