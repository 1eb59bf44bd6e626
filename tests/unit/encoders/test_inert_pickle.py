"""Whatever a pickle asks to run is refused, and nothing of it runs."""

import argparse
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.unit.encoders.test_archive import refused, zipped


class Trap:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *args: Any):
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def traps(mark: Path) -> dict[str, Any]:
    return {
        "system": Trap(os.system, f"touch {mark}"),
        "eval": Trap(eval, f"open({str(mark)!r}, 'w').close()"),
        "touch": Trap(Path.touch, mark),
        "copy": Trap(shutil.copyfile, __file__, str(mark)),
        "mkdir": Trap(os.mkdir, str(mark)),
        "from_file": Trap(torch.from_file, str(mark), True, 4),
        "getattr": Trap(getattr, Trap(__import__, "os"), "system"),
    }


@pytest.mark.parametrize("name", list(traps(Path())))
@pytest.mark.parametrize("place", ["top", "value", "args", "key"])
def test_a_file_that_asks_to_run_something_is_refused_and_nothing_of_it_runs(
    tmp_path: Path, name: str, place: str
) -> None:
    mark = tmp_path / "mark"
    trap = traps(mark)[name]
    whole: dict[str, Any] = {
        "top": trap,
        "value": {"a": torch.ones(3), "b": trap},
        "args": {"state_dict": {"a": torch.ones(3)}, "args": argparse.Namespace(x=[trap])},
        "key": {"state_dict": {(1, trap): torch.ones(3)}},
    }
    torch.save(whole[place], tmp_path / "x.pt")
    named = "posix.system" if name == "system" else r"[\w.]+"
    message = refused(tmp_path / "x.pt", f"asks to run {named}, which weights do not need; nothing of it was run")
    assert not mark.exists(), message
    if name != "getattr":  # the trap would have worked
        pickle.loads(pickle.dumps(trap))
        assert mark.exists()


@pytest.mark.parametrize(
    "name", ["torch load", "builtins getattr", "torch.hub load", "egoshift.errors WeightsError", "torch nn.Linear"]
)
def test_no_name_beyond_the_list_is_answered_even_of_modules_it_speaks_of(tmp_path: Path, name: str) -> None:
    module, attribute = name.split()
    content = f"c{module}\n{attribute}\n.".encode()
    refused(zipped(tmp_path / "x.pt", content), f"asks to run {module}.{attribute},")


def test_a_model_saved_whole_names_the_class_that_it_would_need(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "x.pt")
    refused(tmp_path / "x.pt", r"asks to run torch\.nn\.modules\.linear\.Linear, which weights do not need")
