"""What travels with every set of weights: who made them, how to feed them, what they give."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Family = Literal["clip", "siglip", "dinov2", "lavila", "mvit", "ast", "inertial", "pixels"]
"""The kinds of frozen model this room runs; ``"pixels"``, which runs none, gives the prepared pictures themselves."""

TowerKind = Literal["image", "text", "video", "audio"]

Runtime = Literal["torch", "compiled", "openvino"]
"""By what an image tower is computed; see ``egoshift.encoders.graphs``."""

ResizeRule = Literal["shortest-crop", "squash"]
"""``"shortest-crop"``: the short side becomes ``resize_to``, the aspect ratio stays. ``"squash"``: both sides do."""


class TowerCard(BaseModel):
    """One frozen tower (image or text) and where its weights came from.

    Attributes:
        id: The name it was asked for by: a Hugging Face id, a local folder or file, or of a shipped one.
        family: Which kind of model it is.
        sha256: Of the weight file; of several, that of the lines ``<name> <sha256>`` in the order of their names.
        licence: As the README beside the weights states it; ``"unknown"`` where it does not.
        activation: Of the tower's MLPs, from its configuration or layout. ``quick_gelu`` and ``gelu`` are different
            models.
        pooling: Which position becomes the feature.
        dim: Length of a feature.
        has_text: Whether the checkpoint has both towers, so that images and prompts share a space.
        dtype: In which type the tower computes; what it gives is float32 all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    family: Family
    sha256: str
    licence: str
    activation: str
    pooling: str
    dim: int
    has_text: bool
    dtype: str


class WeightCard(TowerCard):
    """An image tower and how a frame is prepared for it; nothing of this is ever guessed from a name.

    Attributes:
        mean: Per channel (red, green, blue), subtracted from pixels in [0, 1].
        std: Per channel, divided by after that.
        size: Height and width of what the tower sees, in pixels: the centre is cut to it after resizing.
        resize: The rule of resizing.
        resize_to: The length that the rule speaks of, in pixels; at least ``size``.
        interpolation: The kernel of resizing.
        preprocessing_source: The file these six came from, or the layout that fixes them.
        runtime: By what the tower is computed. Each rounds in its own way, so features of two are not mixed in a store.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    resize: ResizeRule
    resize_to: int
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    preprocessing_source: str = "stated by the caller"
    runtime: Runtime = "torch"
