"""Prompts to token ids, with the checkpoint's own tokenizer."""

import gzip
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from egoshift.encoders.card import Family
from egoshift.encoders.folder import WeightFolder, read_json
from egoshift.encoders.tower import quiet_transformers
from egoshift.errors import ConfigError, WeightsError

OPENAI_MERGES = "bpe_simple_vocab_16e6.txt.gz"
OPENAI_NUM_MERGES = 49152 - 256 - 2
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Tokeniser:
    """Turns prompts into token ids as the text tower was trained on them.

    Attributes:
        end: The id of the end-of-text token.
        padding: The id to fill up with.
        size: How many ids there are.
    """

    def __init__(self, encode: Callable[[str], list[int]], *, end: int, padding: int, size: int):
        self._encode = encode
        self.end = end
        self.padding = padding
        self.size = size

    def __call__(self, prompts: Sequence[str], context: int) -> list[list[int]]:
        """The ids of each prompt, with start and end tokens, not padded.

        Args:
            prompts: What to read.
            context: How many tokens the tower reads at most.

        Raises:
            ConfigError: Prompts are longer than that; they are named, never cut.
        """
        ids = [self._encode(prompt) for prompt in prompts]
        faults = [
            f"prompt {prompt!r} is {len(tokens)} tokens long and the text encoder reads {context}; shorten the class "
            "name or the template"
            for prompt, tokens in zip(prompts, ids, strict=True)
            if len(tokens) > context
        ]
        if faults:
            raise ConfigError("\n".join(faults))
        return ids


def open_tokeniser(folder: WeightFolder, family: Family) -> Tokeniser:
    """The tokenizer that lies beside the weights.

    Raises:
        WeightsError: Its files are missing or cannot be read, or it lacks the tokens the family needs.
    """
    return siglip_tokeniser(folder) if family == "siglip" else clip_tokeniser(folder)


def clip_tokeniser(folder: WeightFolder) -> Tokeniser:
    """CLIP's: ``tokenizer.json``, the older pair ``vocab.json`` and ``merges.txt``, or OpenAI's own file."""
    if (folder.path / "tokenizer.json").is_file():
        backend = read_tokenizer(folder)
    elif (folder.path / OPENAI_MERGES).is_file() and not (folder.path / "vocab.json").is_file():
        backend = read_openai_merges(folder)
    else:
        backend = read_vocab_and_merges(folder)
    frame = backend.encode("").ids  # the start and the end token alone
    if len(frame) != 2:
        raise WeightsError(
            f"{folder.id}: the tokenizer puts {len(frame)} tokens around a prompt, CLIP needs a start and an end; "
            "copy tokenizer.json from the page the weights came from"
        )
    size = backend.get_vocab_size(with_added_tokens=True)
    return Tokeniser(lambda prompt: list(backend.encode(prompt).ids), end=frame[1], padding=frame[1], size=size)


def siglip_tokeniser(folder: WeightFolder) -> Tokeniser:
    """SigLIP's: lower case, without punctuation in its first version, an end token and none at the start."""
    if not (folder.path / "tokenizer.json").is_file():
        raise WeightsError(
            f"{folder.id}: {folder.path / 'tokenizer.json'} is missing, without which class names cannot be read "
            "(spiece.model alone is not enough); copy it from the page the weights came from"
        )
    backend = read_tokenizer(folder)
    stated = tokenizer_config(folder)
    end = special_token(folder, backend, stated, "eos_token")
    padding = special_token(folder, backend, stated, "pad_token")
    dropped = NO_PUNCTUATION if str(stated.get("tokenizer_class")).startswith("SiglipTokenizer") else {}

    def encode(prompt: str) -> list[int]:
        words = " ".join(prompt.lower().translate(dropped).split())
        return [*backend.encode(words, add_special_tokens=False).ids, end]

    return Tokeniser(encode, end=end, padding=padding, size=backend.get_vocab_size(with_added_tokens=True))


def read_tokenizer(folder: WeightFolder) -> Tokenizer:
    """``tokenizer.json``, with the cutting and padding that it may carry switched off."""
    file = folder.path / "tokenizer.json"
    try:
        backend = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception for whatever is wrong with the file
        raise WeightsError(f"{folder.id}: {file} is not a tokenizer ({error}); fetch it again") from error
    backend.no_truncation()
    backend.no_padding()
    return backend


def read_vocab_and_merges(folder: WeightFolder) -> Any:
    """CLIP's byte-pair tokenizer from ``vocab.json`` and ``merges.txt``."""
    vocab, merges = folder.path / "vocab.json", folder.path / "merges.txt"
    if not vocab.is_file() or not merges.is_file():
        raise WeightsError(
            f"{folder.id}: {folder.path / 'tokenizer.json'} is missing, and so is the older pair vocab.json and "
            f"merges.txt and OpenAI's {OPENAI_MERGES}, without which class names cannot be read; copy it from the page "
            "the weights came from"
        )
    with quiet_transformers():
        from transformers import CLIPTokenizer

        try:
            return CLIPTokenizer.from_pretrained(str(folder.path), local_files_only=True).backend_tokenizer
        except Exception as error:  # it fails with whatever the damaged part made it trip over
            raise WeightsError(
                f"{folder.id}: {vocab} or {merges} cannot be read "
                f"({' '.join(str(error).split())[:200]}); fetch both again"
            ) from error


MOST_MERGES = 1 << 24
"""Characters of the file of merges, which has a tenth."""


def read_openai_merges(folder: WeightFolder) -> Any:
    """CLIP's byte-pair tokenizer from the file of openai/CLIP: one merge a line, of which it uses the first 48,894.

    Ids are numbered as ``clip/simple_tokenizer.py`` does: the 256 bytes, each again at the end of a word, the merges,
    the start token, the end token. Bytes that print as letters stand for themselves, the others for letters from 256.
    """
    file = folder.path / OPENAI_MERGES
    try:
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            lines = stream.read(MOST_MERGES).split("\n")[1 : 1 + OPENAI_NUM_MERGES]
        merges = [(first, second) for first, second in (line.split() for line in lines if line)]
        if not merges:
            raise ValueError("it holds no merges")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise WeightsError(f"{folder.id}: {file} cannot be read ({error}); fetch it again from openai/CLIP") from error
    letters = byte_letters()
    pieces = [*letters, *(letter + "</w>" for letter in letters), *(first + second for first, second in merges)]
    vocab = {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    with quiet_transformers():
        from transformers import CLIPTokenizer

        return CLIPTokenizer(vocab=vocab, merges=merges).backend_tokenizer


def byte_letters() -> list[str]:
    """The letter that stands for each byte in byte-pair vocabularies since GPT-2, in the order of their ids.

    >>> byte_letters()[:3], len(set(byte_letters()))
    (['!', '"', '#'], 256)
    """
    printable = [byte for byte in range(256) if 33 <= byte <= 126 or (161 <= byte and byte != 173)]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]


def tokenizer_config(folder: WeightFolder) -> Mapping[str, Any]:
    """What the files beside ``tokenizer.json`` say of it."""
    stated: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder.path / name).is_file():
            stated |= read_json(folder.id, folder.path / name)
    return stated


def special_token(folder: WeightFolder, backend: Tokenizer, stated: Mapping[str, Any], role: str) -> int:
    """The id of the end or the padding token, whose spelling ``tokenizer_config.json`` gives."""
    token = stated.get(role)
    spelling = token.get("content") if isinstance(token, dict) else token
    found = backend.token_to_id(spelling) if isinstance(spelling, str) else None
    if found is None:
        raise WeightsError(
            f"{folder.id}: {folder.path / 'tokenizer_config.json'} gives {spelling!r} as {role}, which is not in "
            "tokenizer.json; copy both from the page the weights came from"
        )
    return int(found)
