"""Clips to look at, as HTML."""

import html as escaping
from collections.abc import Sequence

from egoshift.recipes.modalities.examples import data_uri
from egoshift.recipes.reports.clips import Clip
from egoshift.recipes.reports.moments import Moment

STYLE = """
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: .8rem; }
.clip { border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; min-width: 0; }
.clip h4 { margin: 0; font-size: .95rem; overflow-wrap: anywhere; }
.clip p { margin: .2rem 0; color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
.strip { display: grid; grid-template-columns: repeat(3, 1fr); gap: .3rem; margin: .4rem 0; }
.strip figure { margin: 0; display: grid; grid-template-rows: auto 4.2rem; gap: .2rem; }
.strip .frame { position: relative; } .strip .frame img { display: block; width: 100%; }
.strip .frame i { position: absolute; box-sizing: border-box; border: 2px solid #ffd400; }
.strip .crop { display: grid; place-items: center; font-size: .7rem; line-height: 1.2; color: var(--soft);
               text-align: center; border: 1px dashed var(--line); }
.strip .crop img { height: 4.2rem; max-width: 100%; object-fit: contain; }
.strip .crop:has(img) { border: 0; }
.strip.bare figure { grid-template-rows: auto; }
.guess { display: grid; grid-template-columns: 7.5rem 1fr 3rem; gap: .4rem; align-items: center; font-size: .85rem; }
.guess span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .guess output { text-align: right; }
.guess b { height: .55rem; background: var(--soft); border-radius: 2px; } .guess.yes b { background: #2a7d50; }
.guess.yes span { font-weight: 600; }
@media print { .clips { grid-template-columns: repeat(3, 1fr); } * { print-color-adjust: exact; } }
"""


def clip_part(clip: Clip) -> str:
    """A clip: frames with what the hand crop shows, the crops below, what it is and what it was taken for."""
    verdict = "right" if clip.right else "wrong"
    truth = escaping.escape(clip.target)
    said = truth if clip.right else f"{truth}, taken for {escaping.escape(clip.predicted)}"
    guesses = "".join(_guess(name, share, name == clip.target) for name, share in clip.guesses)
    others = "".join(
        f"{', ' * bool(number)}{escaping.escape(title)} {escaping.escape(name)} {'✓' if name == clip.target else '✗'}"
        for number, (title, name) in enumerate(clip.others)
    )
    return (
        f'<section class="clip"><h4><span class="mark {verdict}">{verdict}</span> {said}</h4>'
        f"<p>{escaping.escape(clip.video)}, {clip.start_s:.1f} to {clip.stop_s:.1f} s</p>"
        f"{_strip(clip)}{guesses}{f'<p>Others: {others}</p>' if others else ''}</section>"
    )


def _strip(clip: Clip) -> str:
    if not clip.moments:
        return f'<p class="absent">{escaping.escape(clip.missing)}</p>'
    bare = "" if any(moment.has_hands for moment in clip.moments) else " bare"
    return f'<div class="strip{bare}">{"".join(map(_moment, clip.moments))}</div>'


def _moment(moment: Moment) -> str:
    box = crop = ""
    if moment.box is not None and moment.crop is not None:
        left, top, right, bottom = (100 * edge for edge in moment.box)
        place = f"left:{left:.1f}%;top:{top:.1f}%;width:{right - left:.1f}%;height:{bottom - top:.1f}%"
        box = f'<i style="{place}"></i>'
        crop = f'<img alt="hand crop at {moment.time_s:.2f} s" src="{data_uri(moment.crop)}">'
    if moment.has_hands:
        crop = f'<div class="crop">{crop or "no hands found: the full frame"}</div>'
    image = f'<img alt="frame at {moment.time_s:.2f} s" src="{data_uri(moment.frame)}">'
    return f'<figure><div class="frame">{image}{box}</div>{crop}</figure>'


def _guess(name: str, share: float, right: bool) -> str:
    text = escaping.escape(name)
    return (
        f'<div class="guess{" yes" * right}"><span title="{text}">{text}</span>'
        f'<b style="width:{100 * share:.1f}%"></b><output>{100 * share:.0f}%</output></div>'
    )


def rule_text(number: int, seed: int) -> str:
    """By what rule clips are chosen."""
    return (
        f"For each pair of data sets and kind of label, up to {number} clips of the run with the highest top-1 whose "
        f"model is there: half of those it gets right and half it gets wrong, drawn with seed {seed}. Frames are at "
        "stored times that the model was given (a model of sound or IMU saw none); the yellow box is the hand crop "
        "below it. Bars are the softmax of the model's logits."
    )


def groups(parts: Sequence[str]) -> str:
    """Clips side by side."""
    return f'<div class="clips">{"".join(parts)}</div>'
