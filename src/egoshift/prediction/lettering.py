"""Words in pictures: a font for every writing that this machine has one for.

Pillow's own font has 113 characters and not one accent. Words that need others are drawn in DejaVu Sans, which comes
with matplotlib (Latin, Greek, Cyrillic, Hebrew, Arabic), or else in the font of the system that has most of them.
"""

import io
import unicodedata
from collections.abc import Set
from functools import cache
from pathlib import Path

from PIL import ImageDraw, ImageFont, features

FALLBACK = "DejaVuSans.ttf"
NOT_TEXT = ("Last Resort",)
"""Families whose signs for every character say only which script it is of."""

MOST_LISTED = 20
"""How many characters a notice lists."""

INVISIBLE = ("Cc", "Cf", "Mn", "Zs", "Zl", "Zp")
"""Categories of characters that need no sign of their own: controls, joiners, spaces, and marks."""


class Lettering:
    """Draws words of one size, each in a font that has its characters.

    Args:
        size_px: Height of the letters, from the highest to the lowest.
    """

    def __init__(self, size_px: int):
        self._size_px = size_px
        self._fonts: dict[Path | None, ImageFont.FreeTypeFont] = {}
        self._chosen: dict[str, ImageFont.FreeTypeFont] = {}
        self._missing: set[str] = set()
        self._has_turned = False

    @property
    def notices(self) -> tuple[str, ...]:
        """What is wrong with the words met so far, one line each."""
        found = []
        if self._missing:
            listed = " ".join(sorted(self._missing)[:MOST_LISTED]) + (
                " ..." if len(self._missing) > MOST_LISTED else ""
            )
            found.append(f"no font here has {listed}; drawn as boxes: install one that has, such as Noto")
        if self._has_turned and not features.check("raqm"):
            found.append("words that run right to left are drawn the wrong way round: install libraqm and libfribidi")
        return tuple(found)

    def width(self, text: str) -> int:
        """How wide a text is, in pixels."""
        return round(self._font(text).getlength(text))

    def shortened(self, text: str, width: int) -> str:
        """The text, or as much of its beginning as fits, with an ellipsis."""
        if self.width(text) <= width:
            return text
        fits = next((end for end in range(len(text) - 1, 0, -1) if self.width(text[:end] + "…") <= width), 0)
        return text[:fits].rstrip() + "…" if fits else ""

    def draw(self, on: ImageDraw.ImageDraw, left: int, middle: int, text: str, fill: tuple[int, int, int]) -> None:
        """Draw a text from its left edge, with its letters' middle at a height."""
        font = self._font(text)
        ascent, descent = font.getmetrics()
        on.text((left, middle + (ascent - descent) // 2), text, fill=fill, font=font, anchor="ls")

    def _font(self, text: str) -> ImageFont.FreeTypeFont:
        if text not in self._chosen:
            path, missing = _best_font(frozenset(filter(_needs_sign, text)))
            self._missing |= missing
            self._has_turned |= any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
            if path not in self._fonts:
                self._fonts[path] = self._loaded(path)
            self._chosen[text] = self._fonts[path]
        return self._chosen[text]

    def _loaded(self, path: Path | None) -> ImageFont.FreeTypeFont:
        if path is not None:
            return ImageFont.truetype(path, self._size_px)
        font = ImageFont.load_default(self._size_px)
        assert isinstance(font, ImageFont.FreeTypeFont), "Pillow is built with FreeType, as its wheels are"
        return font


def _needs_sign(character: str) -> bool:
    return unicodedata.category(character) not in INVISIBLE


@cache
def _best_font(characters: frozenset[str]) -> tuple[Path | None, Set[str]]:
    """The file of the font to draw these with (none for Pillow's own), and which of them it lacks."""
    best: Path | None = None
    missing = characters - _default_characters()
    if not missing:
        return best, missing
    for path in _font_files():
        lacking = characters - _characters(path)
        if len(lacking) < len(missing) and _is_scalable(path):
            best, missing = path, lacking
        if not missing:
            break
    return best, missing


@cache
def _default_characters() -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    font = ImageFont.load_default(10)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return frozenset(map(chr, FT2Font(io.BytesIO(font.font_bytes)).get_charmap()))


@cache
def _font_files() -> tuple[Path, ...]:
    """DejaVu Sans, then the system's upright fonts by name."""
    from matplotlib import font_manager, get_data_path

    entries = sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.weight != 400, entry.name, entry.fname))
    usable = [each.fname for each in entries if each.style == "normal" and not each.name.startswith(NOT_TEXT)]
    return tuple(dict.fromkeys([Path(get_data_path(), "fonts", "ttf", FALLBACK), *map(Path, usable)]))


@cache
def _characters(path: Path) -> frozenset[str]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a damaged font, or one taken away since matplotlib listed it
        return frozenset()


@cache
def _is_scalable(path: Path) -> bool:
    """Whether the font can be drawn at any size; fonts of coloured pictures cannot."""
    try:
        ImageFont.truetype(path, 20)
    except OSError:
        return False
    return True
