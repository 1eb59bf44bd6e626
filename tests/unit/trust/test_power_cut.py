"""What a power cut could lose, by the order of calls."""

import pytest
from trust.crash.faults import Call
from trust.crash.power_cut import unsafe


def calls(*lines: str) -> list[Call]:
    """From ``operation path [new_path]``."""
    return [
        Call(number, operation, 1, path, "".join(rest))
        for number, (operation, path, *rest) in enumerate((line.split() for line in lines), start=1)
    ]


ATOMIC = ("open /s/a.tmp", "write /s/a.tmp", "fsync /s/a.tmp", "rename /s/a.tmp /s/a", "fsync /s")


def test_a_file_that_is_synced_and_renamed_and_its_folder_synced_is_safe() -> None:
    assert unsafe(calls(*ATOMIC)) == []
    assert unsafe(calls("mkdir /s", "fsync /", *ATOMIC)) == []
    assert unsafe(calls("open /s/b", "write /s/b", "remove /s/b", *ATOMIC)) == []


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ((*ATOMIC[:2], *ATOMIC[3:]), "/s/a took its name before its content was synced"),
        ((*ATOMIC[:3], "write /s/a.tmp", *ATOMIC[3:]), "/s/a took its name before its content was synced"),
        (ATOMIC[:4], "the name /s/a is not synced"),
        (("mkdir /s", *ATOMIC), "/s/a took its name in /s, which was not safe"),
        (("open /s/a", "write /s/a", "fsync /s"), "/s/a is not synced"),
        (("open /s/a", "write /s/a", "fsync /s/a"), "the name /s/a is not synced"),
        (
            ("open /s/x.npy", "fsync /s/x.npy", "open /s/m.tmp", "fsync /s/m.tmp", "rename /s/m.tmp /s/manifest.json"),
            "/s/manifest.json took its name before /s/x.npy beside it was safe",
        ),
    ],
)
def test_what_is_missing_is_told(lines: tuple[str, ...], fault: str) -> None:
    assert fault in unsafe(calls(*lines))
