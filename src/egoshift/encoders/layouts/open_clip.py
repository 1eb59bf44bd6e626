"""What ``open_clip_config.json`` says of the weights beside it.

Its fields and their defaults are those of ``CLIPVisionCfg``, ``CLIPTextCfg`` and ``PreprocessCfg`` in
https://github.com/mlfoundations/open_clip (``src/open_clip/model.py``, ``transform.py``). Whatever a configuration
states that the plain CLIP does not have (other poolings, norms, towers) is refused and never passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from egoshift.encoders.card import ResizeRule
from egoshift.encoders.folder import read_json
from egoshift.errors import WeightsError

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

SHAPES = {"layers", "width", "patch_size", "context_length", "vocab_size", "mlp_ratio"}
"""Fields that repeat what the weights' shapes say."""

READ = {"image_size", "head_width", "heads"}
NO_MATTER = {"patch_dropout", "output_tokens", "pad_id", "bos_id", "eos_id", "hf_tokenizer_name", "tokenizer_kwargs"}
"""Fields of training, of further outputs, or of the tokenizer, whose files say the same."""

PLAIN = {
    ("pool_type", "tok"),
    ("pool_type", "argmax"),
    ("pos_embed_type", "learnable"),
    ("proj_type", "linear"),
    ("text_arch", "clip"),
    ("block_type", "default"),
}
RESIZES: dict[str, ResizeRule] = {"shortest": "shortest-crop", "squash": "squash"}


@dataclass(frozen=True)
class ClipStatement:
    """What must be known of a CLIP beyond its weights.

    Attributes:
        source: Who states it.
        activation: Of both towers' MLPs.
        head_width: Of an attention head of the image tower.
        text_heads: How many heads the text tower has; None: one for each 64 of its width.
        mean: See ``WeightCard``.
        std: See ``WeightCard``.
        resize: See ``WeightCard``.
        interpolation: See ``WeightCard``.
        image_size: The resolution, where it is stated.
        sizes: Per part, ``vision_cfg`` or ``text_cfg``, the sizes it states that the weights' shapes say too.
    """

    source: str
    activation: Literal["quick_gelu", "gelu"]
    head_width: int = 64
    text_heads: int | None = None
    mean: tuple[float, float, float] = OPENAI_MEAN
    std: tuple[float, float, float] = OPENAI_STD
    resize: ResizeRule = "shortest-crop"
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    image_size: int | None = None
    sizes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def check_sizes(self, part: str, found: Mapping[str, int], file: Path) -> None:
        """Refuse weights of other sizes than are stated.

        Args:
            part: ``"vision_cfg"`` or ``"text_cfg"``.
            found: The sizes of the weights, by their names in that part.
            file: Where the weights lie.

        Raises:
            WeightsError: Naming the first that differs.
        """
        for name, stated in self.sizes.get(part, {}).items():
            ratio = name == "mlp_ratio"
            # open_clip cuts the width of an MLP off to a whole number
            size = int(found["width"] * stated) if ratio and isinstance(stated, int | float) else stated
            if size != found[name]:
                actual = found[name] / found["width"] if ratio else found[name]
                raise WeightsError(
                    f"{file}: {self.source} gives {part} {name} = {stated!r}, and these weights have {actual:g}; copy "
                    "both from one page"
                )


def read_statement(file: Path) -> ClipStatement:
    """What an ``open_clip_config.json`` states; where it is silent, what open_clip takes.

    Raises:
        WeightsError: It cannot be read, or states what cannot be followed; names every fault.
    """
    config = read_json(str(file), file)
    model, preparation = part(config, "model_cfg"), part(config, "preprocess_cfg")
    if not model:
        raise WeightsError(f"{file}: has no model_cfg; copy the file from the page the weights came from")
    vision, text = part(model, "vision_cfg"), part(model, "text_cfg")
    faults = [*tower_faults("vision_cfg", vision), *tower_faults("text_cfg", text)]
    size = vision.get("image_size", 224)
    size = size[0] if isinstance(size, list) and len(set(size)) == 1 else size
    numbers = {"image_size": size, "head_width": vision.get("head_width", 64), "heads": text.get("heads", 8)}
    faults += [f"{k} is {v!r}; expected a positive number" for k, v in numbers.items() if type(v) is not int or v < 1]
    quick = model.get("quick_gelu", False)
    if not isinstance(quick, bool):
        faults.append(f"quick_gelu is {quick!r}; expected true or false")
    prepared = preparation_fields(preparation, size, faults)
    if faults:
        raise WeightsError("\n".join(f"{file}: {fault}" for fault in faults))
    return ClipStatement(
        source=file.name,
        activation="quick_gelu" if quick else "gelu",
        head_width=numbers["head_width"],
        text_heads=numbers["heads"],
        image_size=size,
        sizes={
            key: {name: value for name, value in tower.items() if name in SHAPES and value is not None}
            for key, tower in (("vision_cfg", vision), ("text_cfg", text))
        },
        **prepared,
    )


def part(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object inside an object; empty where there is none."""
    inner = config.get(key)
    return inner if isinstance(inner, dict) else {}


def tower_faults(key: str, tower: Mapping[str, Any]) -> list[str]:
    """What a tower's part states that the plain tower of CLIP does not have."""
    if not tower:
        return [f"model_cfg has no {key}; copy the file from the page the weights came from"]
    strange = {
        name: value
        for name, value in tower.items()
        if name not in SHAPES | READ | NO_MATTER
        and value not in (None, False, 0, "", {}, [])
        and (name, value if isinstance(value, str) else None) not in PLAIN
    }
    return [
        f"{key} states {name} = {value!r}, which only open_clip itself can run; if these weights lie on the Hugging "
        "Face Hub in its own layout, give that folder"
        for name, value in strange.items()
    ]


def preparation_fields(stated: Mapping[str, Any], image_size: object, faults: list[str]) -> dict[str, Any]:
    """The fields of a statement that speak of preparing frames."""
    resize = stated.get("resize_mode", "shortest")
    if resize not in RESIZES:
        faults.append(f"resize_mode is {resize!r}; only shortest and squash can be followed")
    kernel = stated.get("interpolation", "bicubic")
    if kernel not in ("bicubic", "bilinear", "random"):
        faults.append(f"interpolation is {kernel!r}; only bicubic and bilinear can be followed")
    if stated.get("size", image_size) not in (image_size, [image_size, image_size]):
        faults.append(f"preprocess_cfg cuts frames to {stated['size']!r} and vision_cfg takes {image_size!r}")
    channels: dict[str, tuple[float, ...]] = {}
    for key, usual in (("mean", OPENAI_MEAN), ("std", OPENAI_STD)):
        values = stated.get(key, usual)
        if not (isinstance(values, list | tuple) and len(values) == 3 and all(type(v) in (int, float) for v in values)):
            faults.append(f"{key} is {values!r}; expected three numbers")
        elif key == "std" and min(values) <= 0:
            faults.append(f"std is {values!r}; expected three positive numbers")
        else:
            channels[key] = tuple(float(value) for value in values)
    # open_clip draws kernels at random in training only, and is bicubic otherwise
    interpolation = "bilinear" if kernel == "bilinear" else "bicubic"
    return {"resize": RESIZES.get(str(resize)), "interpolation": interpolation, **channels}
