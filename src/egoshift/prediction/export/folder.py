"""Trained models out of their folders and into another, as ONNX files that anything can run."""

from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from egoshift.errors import CheckpointError
from egoshift.evaluation.versions import library_versions
from egoshift.files import write_atomically
from egoshift.prediction.export.card import CARD_FILE, ExportCard, ModelCard, TensorCard, streams_of, temperatures_of
from egoshift.prediction.export.graph import Sizes, need_export, write_graph
from egoshift.prediction.export.module import TensorsIn
from egoshift.prediction.export.parity import cases, checked, draw, reference
from egoshift.prediction.export.signature import Signature, output, signature_of, text_input
from egoshift.prediction.export.towers import Told, export_encoders, export_text_encoders
from egoshift.recipes.execute import MODELS
from egoshift.training.checkpoint import CONFIG_FILE, Checkpoint, CheckpointConfig, load_checkpoint

EXAMPLE = {"clips": 3, "frames": 5, "classes": 13}
"""Sizes of the input that a graph is recorded with; none is 1, which torch takes for fixed."""


def export_onnx(model: Path, out: Path, *, encoder: bool = False, progress: Told | None = None) -> ExportCard:
    """Write trained models, and what makes their features where asked for, as ONNX files that agree with PyTorch.

    For each model ``out`` holds ``<labels>.onnx`` and, where its classes are an input, ``<labels>.text_<label>.npy``,
    the class vectors it was trained with. ``model.json`` is written last.

    Args:
        model: A trained model's folder, or that of a run with several.
        out: Where to; made where absent.
        encoder: Whether encoders of images, of sensors and of class names are written too.
        progress: Told before each file.

    Raises:
        CheckpointError: There is no trained model.
        ConfigError: Libraries are missing, a model cannot be recorded, or a file differs from PyTorch.
        WeightsError: An encoder that is asked for cannot be read, or has other weights than the model was trained on.
    """
    need_export()
    tell = progress or (lambda name: None)
    configs: dict[str, CheckpointConfig] = {}
    models: dict[str, ModelCard] = {}
    for folder in model_folders(model):
        found = load_checkpoint(folder)
        labels = "+".join(found.text)
        tell(f"{labels}.onnx")
        models[labels], configs[labels] = _export_model(found, labels, out), found.config
    card = ExportCard(
        models=models,
        encoders=export_encoders(configs, out, write=encoder, tell=tell),
        text_encoders=export_text_encoders(models, out, tell) if encoder else {},
        versions=library_versions() | {name: version(name) for name in ("onnx", "onnxscript", "onnxruntime")},
        trained_with={labels: config.versions for labels, config in configs.items()},
    )
    write_atomically(out / CARD_FILE, (card.model_dump_json(indent=1) + "\n").encode())
    return card


def model_folders(model: Path) -> list[Path]:
    """The folders of trained models that a path means: itself, or those of a run.

    Raises:
        CheckpointError: There are none.
    """
    if (model / CONFIG_FILE).is_file():
        return [model]
    found = sorted(file.parent for file in (model / MODELS).glob(f"*/{CONFIG_FILE}"))
    if not found:
        raise CheckpointError(
            f"{model}: holds no trained model, neither {CONFIG_FILE} nor {MODELS}/LABELS/{CONFIG_FILE}; give the "
            "folder of a run, or of one of its models, such as runs/xmic/models/noun"
        )
    return found


def sizes_of(signature: Signature) -> dict[str, Sizes]:
    """The shapes of a model's inputs, by name."""
    sizes: dict[str, Sizes] = {one.name: ("batch", one.frames, one.dim) for one in signature.streams}
    sizes |= {one.mask: ("batch",) for one in signature.streams if one.mask}
    return sizes | {text_input(label): (f"classes_{label}", dim) for label, dim in signature.text_dims.items()}


def _npy(vectors: Tensor) -> bytes:
    """As a ``.npy`` file."""
    content = BytesIO()
    np.save(content, vectors.numpy())
    return content.getvalue()


def _export_model(found: Checkpoint, labels: str, out: Path) -> ModelCard:
    signature = signature_of(found.classifier, found.text)
    sizes, path = sizes_of(signature), out / f"{labels}.onnx"
    example = draw(signature, torch.Generator().manual_seed(0), **EXAMPLE)
    write_graph(path, TensorsIn(found.classifier, found.text, signature), example, sizes, signature.outputs)
    parity = checked(
        path, cases(signature), lambda case: reference(found.classifier, found.text, signature, case.given)
    )
    vectors = {}
    for label in signature.text_dims:
        vectors[label] = f"{labels}.{text_input(label)}.npy"
        write_atomically(out / vectors[label], _npy(found.text[label].vectors))
    masks = {one.name: one.mask for one in signature.streams}
    counts = {label: len(words.vectors) for label, words in found.text.items()}
    return ModelCard(
        file=path.name,
        method=found.config.method,
        inputs=tuple(TensorCard(name=name, dtype=_dtype(example[name]), shape=sizes[name]) for name in example),
        outputs=tuple(
            TensorCard(
                name=output(label),
                dtype="float32",
                shape=("batch", f"classes_{label}" if label in signature.text_dims else counts[label]),
            )
            for label in signature.labels
        ),
        streams={
            name: stream.model_copy(update={"mask": masks[name]}) for name, stream in streams_of(found.config).items()
        },
        needs_one_of=signature.needed,
        classes=found.config.vocabularies,
        class_vectors=vectors,
        text_encoder=found.config.text_encoder if vectors else "",
        num_frames=found.config.num_frames,
        temperatures=temperatures_of(found.config),
        parity=parity,
    )


def _dtype(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")
