"""The small CLIP's tokenizer: a byte-pair vocabulary learned from the captions, in the layout of CLIP's."""

from collections.abc import Iterator
from typing import Any

from egoshift.world.drawing.looks import COLOURS
from egoshift.world.pretraining.web import Subject, captions
from egoshift.world.vocabulary import NOUNS, OBJECTS_OF_VERB


def all_captions() -> Iterator[str]:
    """Every caption that a picture can have."""
    for noun in NOUNS:
        for colour in COLOURS:
            for texts in captions(Subject(noun, colour)).values():
                yield from texts
    for verb, nouns in OBJECTS_OF_VERB.items():
        for noun in nouns:
            for texts in captions(Subject(noun, None, verb)).values():
                yield from texts


def build_tokenizer(max_length: int) -> Any:
    """A ``CLIPTokenizer`` that knows every byte, each with and without end of word, and the captions' words."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=700, end_of_word_suffix="</w>", initial_alphabet=[], show_progress=False, min_frequency=2
    )
    learner.train_from_iterator(all_captions(), trainer)
    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *(byte + "</w>" for byte in alphabet), *("".join(pair) for pair in merges)]
    words = [*dict.fromkeys(words), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_length)
