"""A name to a checkpoint that is open: a folder in the Hugging Face layout, or a file in a layout of its makers."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch

from egoshift.encoders.card import Family, TowerKind
from egoshift.encoders.folder import SHIPPED, WeightFolder, digest, open_folder, place_of
from egoshift.encoders.layouts import Converted, convert_file
from egoshift.encoders.rule import PreparationRule, read_rule
from egoshift.encoders.tower import REMEDIES, fill_tower, load_tower, model_type
from egoshift.errors import WeightsError


class AbstractWeights(ABC):
    """A checkpoint whose towers can be loaded.

    Attributes:
        folder: Its name, its files, and the folder in which its tokenizer and its README lie.
    """

    folder: WeightFolder

    @abstractmethod
    def offer(self, kind: TowerKind) -> tuple[Family, bool]:
        """What it is, and whether it has a text tower.

        Raises:
            WeightsError: It has no tower of this kind.
        """

    @abstractmethod
    def rule(self) -> PreparationRule:
        """How frames are prepared for its image tower."""

    @abstractmethod
    def tower(self, kind: TowerKind, device: torch.device, dtype: torch.dtype) -> Any:
        """One tower, frozen and on the device; its ``config`` has the names of ``transformers``."""


class FolderWeights(AbstractWeights):
    """A folder in the Hugging Face layout.

    Args:
        folder: Its parts.
    """

    def __init__(self, folder: WeightFolder):
        self.folder = folder

    def offer(self, kind: TowerKind) -> tuple[Family, bool]:
        """What ``config.json`` says."""
        found = model_type(self.folder, kind)
        return found.family, "text" in found.towers

    def rule(self) -> PreparationRule:
        """The rule in the folder's own files."""
        return read_rule(self.folder)

    def tower(self, kind: TowerKind, device: torch.device, dtype: torch.dtype) -> Any:
        """One tower, through ``transformers``."""
        return load_tower(self.folder, kind, device, dtype)


class FileWeights(AbstractWeights):
    """A file in a layout of its makers.

    Args:
        name: What it was asked for by.
        file: Where it lies.
        converted: What is in it.
    """

    def __init__(self, name: str, file: Path, converted: Converted):
        self.folder = WeightFolder(id=name, path=file.parent, config={}, weights=(file,))
        self._file = file
        self._converted = converted

    def offer(self, kind: TowerKind) -> tuple[Family, bool]:
        """What its layout says."""
        found = self._converted
        if kind not in found.towers:
            raise WeightsError(f"{self._file}: this {found.family} has no {kind} tower; {REMEDIES[kind]}")
        return found.family, "text" in found.towers

    def rule(self) -> PreparationRule:
        """The rule that its layout fixes, or that a file beside it states."""
        assert self._converted.rule, "an image tower comes with its rule"
        return self._converted.rule

    def tower(self, kind: TowerKind, device: torch.device, dtype: torch.dtype) -> Any:
        """One tower, built from the sizes of its weights."""
        return fill_tower(self._file, self._converted.towers[kind], device, dtype)


def weights_digest(name: str) -> str:
    """SHA-256 of the weights that a name stands for.

    Raises:
        WeightsError: As for ``open_weights``.
    """
    return digest(open_weights(name).folder.weights)


def open_weights(name: str) -> AbstractWeights:
    """The checkpoint that a name stands for.

    Args:
        name: A checkpoint file, or what ``open_folder`` takes.

    Raises:
        WeightsError: It is not here, cannot be read, or is of no known layout.
    """
    if not name:
        raise WeightsError(f"an encoder needs a name: give one of {', '.join(SHIPPED)}, a folder, a file or an id")
    file = place_of(name)
    if file.is_file():
        return FileWeights(name, file, convert_file(file))
    return FolderWeights(open_folder(name))
