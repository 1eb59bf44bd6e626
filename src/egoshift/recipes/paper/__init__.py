"""The tables of the X-MIC paper: their rows and columns as data, ours beside theirs as text, and what fills them."""

from egoshift.recipes.paper.cells import Cell, FilledTable, fill, refilled, remarks
from egoshift.recipes.paper.real import RealRuns
from egoshift.recipes.paper.render import PAPER_FORMATS, grids
from egoshift.recipes.paper.reproduce import (
    CELLS,
    Reproduction,
    cells_text,
    page_text,
    page_with,
    reproduce_in_worlds,
)
from egoshift.recipes.paper.tables import PAPER_TABLES, Column, PaperTable, Role, Row, find_tables

__all__ = [
    "CELLS",
    "PAPER_FORMATS",
    "PAPER_TABLES",
    "Cell",
    "Column",
    "FilledTable",
    "PaperTable",
    "RealRuns",
    "Reproduction",
    "Role",
    "Row",
    "cells_text",
    "fill",
    "find_tables",
    "grids",
    "page_text",
    "page_with",
    "refilled",
    "remarks",
    "reproduce_in_worlds",
]
