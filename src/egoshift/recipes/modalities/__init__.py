"""Results of models of several modalities as tables, plots and a page, with the numbers of MMG-Ego4D beside."""

from egoshift.recipes.modalities.ablation import ABLATION, FEW_SHOT, MANY_SHOT, ZERO_SHOT, AblationLine, ablation_line
from egoshift.recipes.modalities.collect import Collection, Number, Place, collect
from egoshift.recipes.modalities.examples import STYLE
from egoshift.recipes.modalities.frames import Frames, dataset_frames
from egoshift.recipes.modalities.layout import Cell, NumberTable
from egoshift.recipes.modalities.page import counted, html, sections
from egoshift.recipes.modalities.plots import sweep_plot
from egoshift.recipes.modalities.rows import MODALITY_FORMATS, ModalityRow, both_as_csv, modality_rows
from egoshift.recipes.modalities.tables import tables

__all__ = [
    "ABLATION",
    "FEW_SHOT",
    "MANY_SHOT",
    "MODALITY_FORMATS",
    "STYLE",
    "ZERO_SHOT",
    "AblationLine",
    "Cell",
    "Collection",
    "Frames",
    "ModalityRow",
    "Number",
    "NumberTable",
    "Place",
    "ablation_line",
    "both_as_csv",
    "collect",
    "counted",
    "dataset_frames",
    "html",
    "modality_rows",
    "sections",
    "sweep_plot",
    "tables",
]
