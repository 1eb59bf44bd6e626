"""The tables of the X-MIC paper: their rows and columns as data, and ours beside theirs as text."""

from egoshift.recipes.paper.cells import Cell, FilledTable, fill, remarks
from egoshift.recipes.paper.render import PAPER_FORMATS, grids
from egoshift.recipes.paper.tables import PAPER_TABLES, Column, PaperTable, Row, find_tables

__all__ = [
    "PAPER_FORMATS",
    "PAPER_TABLES",
    "Cell",
    "Column",
    "FilledTable",
    "PaperTable",
    "Row",
    "fill",
    "find_tables",
    "grids",
    "remarks",
]
