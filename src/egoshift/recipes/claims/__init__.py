"""The papers' claims as data, and how each is run, judged, written and drawn on the generated world."""

from egoshift.recipes.claims.check import check_claims
from egoshift.recipes.claims.claim import WEB_PICTURES, Claim, Comparison, Gain, Score
from egoshift.recipes.claims.finding import Compared, Finding
from egoshift.recipes.claims.listed import CLAIMS, find_claims
from egoshift.recipes.claims.page import HEADINGS, cells, check_page, row_dicts, write_page

__all__ = [
    "CLAIMS",
    "HEADINGS",
    "WEB_PICTURES",
    "Claim",
    "Compared",
    "Comparison",
    "Finding",
    "Gain",
    "Score",
    "cells",
    "check_claims",
    "check_page",
    "find_claims",
    "row_dicts",
    "write_page",
]
