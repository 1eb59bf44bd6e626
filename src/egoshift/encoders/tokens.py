"""Prompts to token ids, with the checkpoint's own tokenizer."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from egoshift.encoders.card import Family
from egoshift.encoders.folder import WeightFolder, read_json
from egoshift.encoders.tower import quiet_transformers
from egoshift.errors import ConfigError, WeightsError

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
    return clip_tokeniser(folder) if family == "clip" else siglip_tokeniser(folder)


def clip_tokeniser(folder: WeightFolder) -> Tokeniser:
    """CLIP's: ``tokenizer.json``, or the older pair ``vocab.json`` and ``merges.txt``."""
    backend = read_tokenizer(folder) if (folder.path / "tokenizer.json").is_file() else read_vocab_and_merges(folder)
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
            "merges.txt, without which class names cannot be read; copy it from the page the weights came from"
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
