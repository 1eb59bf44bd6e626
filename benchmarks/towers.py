"""CLIP towers of real size with random weights, class names for them, and how steps on them are measured.

The towers are ViT-B/16's: text 12 layers of width 512, 8 heads, 77 positions; image 12 layers of width 768, 12 heads,
pictures of 224 pixels. Their vocabulary is small: each word that it knows is one token. 521 class names are 1 to 4 such
words long, 1.50 on average; Ego4D's 521 nouns are 1 to 5 tokens of CLIP's vocabulary, 1.24 on average, where the
synonyms in their parentheses are left out.
"""

import ctypes
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from benchmarks.logits import memory_bytes
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.encoders.load import open_text_tower
from egoshift.encoders.precision import cpu_has_bfloat16
from egoshift.encoders.tower import quiet_transformers
from egoshift.losses import label_cross_entropy
from egoshift.records import Label

LAYERS, WIDTH, HEADS, CONTEXT, DIM = 12, 512, 8, 77, 512
CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxz", "aeiou"
FRAMES, PIXELS = 16, 3 * 224 * 224
# How many of 521 names are of 1, 2, 3 and 4 tokens.
SHARES = (340, 120, 45, 16)
HAS_BFLOAT16 = cpu_has_bfloat16()


def words() -> list[str]:
    """The words that are one token each: 2,000 of three letters."""
    return [first + vowel + last for first in CONSONANTS for vowel in VOWELS for last in CONSONANTS]


def class_names(count: int) -> tuple[str, ...]:
    """Up to 3,000 different class names, of each length as many in every 521 as ``SHARES`` says, in random order."""
    generator = random.Random(0)
    known = words()
    generator.shuffle(known)
    single = iter(known)
    lengths = [length for length, share in enumerate(SHARES, 1) for _ in range(share)]
    generator.shuffle(lengths)
    names: dict[str, None] = {}
    while len(names) < count:
        length = lengths[len(names) % len(lengths)]
        names[next(single) if length == 1 else " ".join(generator.sample(known, length))] = None
    return tuple(names)


def write_clip(folder: Path, *, layers: int = LAYERS, image: bool = False) -> str:
    """Writes a checkpoint with random weights, of the text tower or of both, and returns the folder as a name."""
    from transformers import CLIPConfig, CLIPModel, CLIPTextModelWithProjection

    vocab, merges = vocabulary()
    text = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_hidden_layers": layers}
    text |= {"num_attention_heads": HEADS, "max_position_embeddings": CONTEXT, "vocab_size": len(vocab)}
    text |= {"eos_token_id": len(vocab) - 1, "bos_token_id": len(vocab) - 2, "pad_token_id": len(vocab) - 1}
    vision = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
    vision |= {"image_size": 224, "patch_size": 16}
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=DIM)
    model = CLIPModel(config) if image else CLIPTextModelWithProjection(config.text_config)
    with quiet_transformers():
        model.save_pretrained(folder)
    write_tokenizer(folder, vocab, merges)
    rule = {"crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3}
    rule |= {"size": 224}
    (folder / "preprocessor_config.json").write_text(
        json.dumps(rule | {"image_mean": [0.5] * 3, "image_std": [0.25] * 3})
    )
    return str(folder)


def vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Letters and a full stop, the beginnings of words and words; and the merges that make them."""
    letters = sorted(set(CONSONANTS + VOWELS + "."))
    pairs = sorted({(word[0], word[1]) for word in words()})
    merges = pairs + [(word[:2], word[2] + "</w>") for word in words()]
    pieces = [*letters, *(letter + "</w>" for letter in letters), *(first + second for first, second in merges)]
    return {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}, merges


def write_tokenizer(folder: Path, vocab: dict[str, int], merges: list[tuple[str, str]]) -> None:
    """The tokenizer of the vocabulary, beside the weights."""
    from transformers import CLIPTokenizer

    CLIPTokenizer(vocab=vocab, merges=merges).save_pretrained(folder)


class UntrimmedPrompts:
    """The text tower as the official implementations run it: all 77 positions of every prompt, through transformers.

    Args:
        name: Of the checkpoint.
    """

    def __init__(self, name: str):
        _, self.tower, self.tokeniser = open_text_tower(name, precision="float32")

    def __call__(self, learned: Float[Tensor, "learned width"], names: Sequence[str]) -> Float[Tensor, "classes dim"]:
        """The vectors of [start][learned][name][end]... for each name, pooled at the end token."""
        table = self.tower.text_model.embeddings.token_embedding.weight
        tokens = self.tokeniser(names, CONTEXT - len(learned))
        end = self.tokeniser.end
        filled = torch.tensor([ids[1:] + [end] * (CONTEXT - len(learned) - len(ids)) for ids in tokens])
        start = table[tokens[0][0]].expand(len(names), 1, -1)
        prompts = torch.cat([start, learned.expand(len(names), -1, -1), table[filled]], 1)
        # Ids 0, 1, 2, ... of a table that holds just these prompts' embeddings, learned ones among them.
        hidden = torch.func.functional_call(
            self.tower.text_model,
            {"embeddings.token_embedding.weight": prompts.flatten(0, 1)},
            kwargs={"input_ids": torch.arange(prompts.shape[0] * CONTEXT).view(-1, CONTEXT)},
        ).last_hidden_state
        ends = torch.tensor([len(learned) + len(ids) - 1 for ids in tokens])
        vectors: Tensor = self.tower.text_projection(hidden[torch.arange(len(names)), ends])
        return vectors.float()


def make_text(classes: int) -> dict[Label, ClassText]:
    """Class names with random vectors."""
    vectors = torch.randn(classes, DIM, generator=torch.Generator().manual_seed(0))
    return {"noun": ClassText(vectors, class_names(classes))}


def make_batch(batch: int, classes: int, *, pictures: bool = False, seed: int = 1) -> StreamBatch:
    """Random features of both views, or random pictures, with random targets."""
    generator = torch.Generator().manual_seed(seed)
    if pictures:
        shape = (batch, FRAMES, PIXELS)
        streams = {"pixels": torch.randint(256, shape, generator=generator, dtype=torch.uint8)}
    else:
        streams = {name: torch.randn(batch, FRAMES, DIM, generator=generator) for name in ("hand", "full")}
    return StreamBatch(streams, {}, {"noun": torch.randint(classes, (batch,), generator=generator)})


def autocast(*, enabled: bool = HAS_BFLOAT16) -> AbstractContextManager[object]:
    """bfloat16 arithmetic where the processor has it, as in training."""
    return torch.autocast("cpu", torch.bfloat16, enabled=enabled)


def precision(*, autocasts: bool = HAS_BFLOAT16) -> str:
    """The name of the arithmetic."""
    return "bfloat16" if autocasts else "float32"


def backward_step(model: AbstractClassifier, batch: StreamBatch, text: Mapping[Label, ClassText]) -> None:
    """Forward, loss and backward of one batch, as in training."""
    with autocast():
        logits = model(batch, text)
    torch.autograd.backward(label_cross_entropy(logits, batch.targets))


def extra_mib(action: Callable[[], object]) -> float:
    """MiB that the process held at the fullest moment of one call beyond what it held before (Linux only)."""
    ctypes.CDLL(None).malloc_trim(0)  # else the call would be given what the checkpoint's reading left, uncounted
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_bytes("VmRSS")
    action()
    return (memory_bytes("VmHWM") - before) / 2**20


def in_own_process(module: str, *arguments: object, **environment: str) -> dict[str, float]:
    """What ``python -m module arguments...`` prints as JSON; a process that once held memory gets it back unseen."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | environment)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured
