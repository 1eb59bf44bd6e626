"""A file is told from another without reading all of it."""

import numpy as np

from egoshift.media.identity import identity, identity_of


def test_a_file_is_known_by_its_size_its_beginning_and_its_end(tmp_path):
    path = tmp_path / "file"
    content = bytearray(np.random.default_rng(0).bytes(300_000))
    seen = set()
    for place in (None, 10, 299_990):
        if place is not None:
            content[place] ^= 1
        path.write_bytes(content)
        seen.add(identity(path))
    path.write_bytes(content + b"x")
    seen.add(identity(path))
    assert len(seen) == 4
    copy = tmp_path / "copy"
    copy.write_bytes(content + b"x")
    assert identity(copy) == identity(path)


def test_a_folder_is_known_by_the_names_and_sizes_of_its_frames(tmp_path):
    seen = set()
    for name, content in (("1.jpg", b"a"), ("2.jpg", b"a"), ("1.jpg", b"bb")):
        (tmp_path / name).write_bytes(content)
        seen.add(identity(tmp_path))
    assert len(seen) == 3


def test_several_files_are_known_by_the_ends_of_each_and_others_do_not_count(tmp_path):
    one, other, absent = (tmp_path / name for name in ("1.csv", "2.csv", "3.csv"))
    seen = set()
    for first, second in ((b"ab", b"ab"), (b"ab", b"ba"), (b"ba", b"ab")):
        one.write_bytes(first)
        other.write_bytes(second)
        seen.add(identity_of((one, other, absent)))
    assert len(seen) == 3
    assert {num_bytes for num_bytes, _ in seen} == {4}
    (tmp_path / "4.csv").write_bytes(b"another's")
    assert identity_of((other, one)) in seen
    absent.write_bytes(b"")
    assert identity_of((one, other, absent)) not in seen
