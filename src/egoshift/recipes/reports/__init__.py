"""Results as one page that holds all there is to show: tables, plots, clips, commands, provenance."""

from egoshift.recipes.reports.clips import Clip, clips_of, drawn
from egoshift.recipes.reports.commands import Commands, commands_for
from egoshift.recipes.reports.found import Found, find_results, trained
from egoshift.recipes.reports.page import EXAMPLES, page

__all__ = [
    "EXAMPLES",
    "Clip",
    "Commands",
    "Found",
    "clips_of",
    "commands_for",
    "drawn",
    "find_results",
    "page",
    "trained",
]
