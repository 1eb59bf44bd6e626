"""Checksums of files of themselves, against flips of every bit."""

import json

import xxhash

from egoshift.sealed import is_as_sealed, sealed

TEXT = '{"name": "\u00e9", "value": 42.3, "checksum": ""}\n'


def test_a_text_is_given_the_checksum_of_all_but_itself() -> None:
    own = json.loads(sealed(TEXT))["checksum"]
    assert own == xxhash.xxh3_128_hexdigest(TEXT.encode())
    assert sealed(TEXT) == TEXT.replace('""', f'"{own}"')


def test_no_bit_can_change_unnoticed() -> None:
    content = sealed(TEXT).encode()
    own = json.loads(content)["checksum"]
    assert is_as_sealed(content, own)
    for place in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            try:
                stated = json.loads(bytes(flipped))["checksum"]
            except (ValueError, KeyError):
                continue  # what reads it refuses it as it is
            assert not is_as_sealed(bytes(flipped), stated), flipped


def test_ends_of_lines_may_be_those_of_another_system() -> None:
    content = sealed(TEXT).encode()
    assert is_as_sealed(content.replace(b"\n", b"\r\n"), json.loads(content)["checksum"])


def test_what_states_no_checksum_is_believed() -> None:
    assert is_as_sealed(b"anything", "")
