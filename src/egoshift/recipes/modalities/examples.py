"""The qualitative part of a page: what was to be recognised, what it was compared with, what came out."""

import base64
import html as escaping
import io
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from egoshift.errors import MediaError
from egoshift.evaluation.modality_result import Example, ModalityResult
from egoshift.losses.subsets import subset_name
from egoshift.recipes.modalities.collect import run_title
from egoshift.recipes.modalities.frames import NUM_FRAMES, Frames

MOST_EXAMPLES = 12
"""Of one result, unless another number is asked for; the first ones."""

STYLE = """
.subsets th, .subsets td { padding: .3rem .5rem; } .subsets table { margin-bottom: .3rem; }
.subsets th, .subsets td:nth-child(2) { white-space: normal; vertical-align: bottom; }
.subsets td:nth-child(2) { min-width: 9rem; vertical-align: middle; }
.note { color: var(--soft); font-size: .85rem; margin: 0 0 2rem; }
.example { border: 1px solid var(--line); border-radius: 6px; padding: .8rem 1rem; margin: 1rem 0; }
.example h4 { margin: 0 0 .3rem; font-size: 1rem; overflow-wrap: anywhere; }
.example p { margin: .3rem 0; color: var(--soft); }
.frames { display: flex; flex-wrap: wrap; gap: .5rem; margin: .4rem 0 .8rem; }
.frames figure { margin: 0; } .frames img { display: block; height: 6rem; width: auto; }
.classes figure { padding: .4rem; border: 2px solid var(--line); border-radius: 6px; max-width: 12rem; }
.classes .right { border-color: #2f8f5b; } .classes .wrong { border-color: #c4374e; }
.classes figcaption { color: var(--ink); overflow-wrap: anywhere; }
.classes small { display: block; color: var(--soft); overflow-wrap: anywhere; }
.absent { display: grid; place-items: center; height: 6rem; width: 8rem; padding: 0 .5rem; box-sizing: border-box;
          font-size: .8rem; line-height: 1.3; color: var(--soft); text-align: center; border: 1px dashed var(--line); }
.mark { display: inline-block; font-size: .75rem; padding: 0 .4rem; border-radius: 3px; color: #fff; }
.mark.right { background: #2a7d50; } .mark.wrong { background: #b82f46; }
"""


def example_parts(result: ModalityResult, frames: Frames | None, most: int = MOST_EXAMPLES) -> list[str]:
    """A result's examples as HTML, each with the frames that there are; says in words where there are none.

    Args:
        result: With examples or without.
        frames: Gives a clip's frames; None where videos were not given.
        most: Examples to show; the first ones.
    """
    shown = result.examples[:most]
    if not shown:
        return []
    title = f"{run_title(result)}, trained on {result.train}, tested on {result.test} (seed {result.seed})"
    parts = [f"<h3>{escaping.escape(title)}</h3>"]
    if len(shown) < len(result.examples):
        parts.append(f"<p>The first {len(shown)} of {len(result.examples)} examples.</p>")
    if frames is None:
        parts.append(
            f"<p>No frames are shown: the videos of {escaping.escape(result.test)} were not given. What was compared "
            "with what is written below.</p>"
        )
    return parts + [_example(example, frames) for example in shown]


def _example(example: Example, frames: Frames | None) -> str:
    right = example.predicted == example.target
    verdict = "right" if right else "wrong"
    classes = "".join(_class(example, number, frames) for number in range(len(example.classes)))
    return (
        f'<section class="example"><h4><span class="mark {verdict}">{verdict}</span> clip '
        f"{escaping.escape(example.query)}</h4>"
        f"<p>Seen by <strong>{escaping.escape(subset_name(example.query_modalities))}</strong>, compared with support "
        f"clips seen by <strong>{escaping.escape(subset_name(example.support_modalities))}</strong>.</p>"
        f'<div class="frames">{_pictures(example.query, frames, NUM_FRAMES)}</div>'
        f"<p>{_sentence(example)} One support clip of each class:</p>"
        f'<div class="frames classes">{classes}</div></section>'
    )


def _sentence(example: Example) -> str:
    predicted, target = (escaping.escape(example.classes[index]) for index in (example.predicted, example.target))
    if example.predicted == example.target:
        return f"It is <strong>{target}</strong>, and was taken for it."
    return f"It is <strong>{target}</strong>, and was taken for <strong>{predicted}</strong>."


def _class(example: Example, number: int, frames: Frames | None) -> str:
    target, predicted = number == example.target, number == example.predicted
    look = "right" if target else "wrong" if predicted else ""
    marks = '<span class="mark right">true class</span> ' * target
    marks += f'<span class="mark {look}">predicted</span>' * predicted
    clips = example.support[number]
    picture = _pictures(clips[0], frames, 1) if clips else ""
    more = f" and {len(clips) - 1} more" if len(clips) > 1 else ""
    return (
        f'<figure class="{look}">{picture}<figcaption>{escaping.escape(example.classes[number])} {marks}'
        f"<small>{escaping.escape(clips[0]) if clips else 'no clip'}{more}</small></figcaption></figure>"
    )


def _pictures(clip_id: str, frames: Frames | None, most: int) -> str:
    """At most so many frames of a clip, evenly over it, or why there are none."""
    if frames is None:
        return ""
    try:
        found = frames(clip_id)
    except MediaError as error:
        return f'<div class="absent" title="{escaping.escape(str(error))}">its video cannot be read</div>'
    if not len(found):
        return '<div class="absent">no video to show</div>'
    places = np.unique((np.arange(most) + 0.5) * len(found) // most).astype(int)
    return "".join(
        f'<img alt="clip {escaping.escape(clip_id)}, frame {place + 1} of {len(found)}" src="{data_uri(found[place])}">'
        for place in places
    )


def data_uri(frame: UInt8[np.ndarray, "height width 3"]) -> str:
    """A frame as a JPEG that a page holds in itself."""
    content = io.BytesIO()
    Image.fromarray(frame).save(content, format="jpeg", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode("ascii")


def all_examples(
    results: Sequence[ModalityResult], frames: Mapping[str, Frames], most: int = MOST_EXAMPLES
) -> list[str]:
    """The examples of every result, with the frames of the data set that each was tested on."""
    return [part for result in results for part in example_parts(result, frames.get(result.test), most)]
