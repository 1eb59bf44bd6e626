import subprocess
import sys

import egoshift


def test_every_exported_name_exists_and_is_listed_once():
    rooms = [name for names in egoshift._ROOMS.values() for name in names]
    assert sorted(rooms) == sorted(egoshift.__all__)
    assert all(getattr(egoshift, name).__name__ == name for name in egoshift.__all__)
    assert dir(egoshift) == sorted(egoshift.__all__)


def test_importing_the_package_and_the_command_line_imports_nothing_heavy():
    program = (
        "import sys, egoshift, egoshift.cli.main as main; main.application();"
        "print([name for name in ('torch', 'transformers', 'polars', 'matplotlib', 'av') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(egoshift, "Xmic")
