"""JSON files that hold a checksum of themselves, so that a digit which changed on the disk is noticed.

It guards against chance, not against whoever may write the file: without a checksum, as in files of earlier versions or
after somebody emptied it to edit the file, any content is taken.
"""

import xxhash

ALTERED = "is not as it was written (its checksum differs)"
OR_EDITED = "or empty its `checksum` if you changed it on purpose"


def sealed(text: str) -> str:
    """Puts the xxh3-128 of a text between its last two quotes, which have nothing between them."""
    checksum = xxhash.xxh3_128_hexdigest(text.encode())
    return f'{checksum}"'.join(text.rsplit('"', 1))


def is_as_sealed(content: bytes, checksum: str) -> bool:
    """Whether a content is what was sealed: its own checksum, if it states one, is that of all the rest."""
    if not checksum:
        return True
    # Of the bytes, not of what they mean, which other versions may write in another way; but version control may have
    # changed the ends of lines, which mean nothing anywhere in JSON.
    head, _, tail = content.replace(b"\r\n", b"\n").rpartition(checksum.encode())
    return checksum == xxhash.xxh3_128_hexdigest(head + tail)
