import os
import threading

import pytest

from egoshift.errors import StoreError
from egoshift.features.lock import LOCK, writing


def test_a_second_writer_is_told_who_holds_the_store(tmp_path):
    with writing(tmp_path), pytest.raises(StoreError, match=rf"{tmp_path}: process {os.getpid()} on .* is writing"):
        writing(tmp_path).__enter__()


def test_the_store_is_free_again_and_nothing_is_left_behind(tmp_path):
    for _ in range(2):
        with writing(tmp_path):
            assert (tmp_path / LOCK).exists()
        assert not (tmp_path / LOCK).exists()


def test_the_file_of_a_process_that_is_gone_holds_nobody_up(tmp_path):
    (tmp_path / LOCK).write_text("process 1 on this machine\n")  # a process that runs, and never took the lock
    with writing(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} ")


def test_only_one_of_many_writers_is_let_in_at_a_time(tmp_path):
    inside, most, refused = [0], [0], [0]
    guard = threading.Lock()

    def write() -> None:
        for _ in range(50):
            try:
                with writing(tmp_path):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
            except StoreError:
                refused[0] += 1

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
    assert refused[0] < 200
