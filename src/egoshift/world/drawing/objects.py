"""How each noun looks: one drawing per noun, varied by colours and proportions, and how large it is."""

from collections.abc import Callable

from PIL import Image, ImageFilter

from egoshift.world.drawing import dishes, food, household, tools
from egoshift.world.drawing.looks import Look
from egoshift.world.drawing.pen import Pen

DRAWINGS: dict[str, Callable[[Pen, Look], None]] = {
    "cup": dishes.cup,
    "plate": dishes.plate,
    "knife": tools.knife,
    "bottle": dishes.bottle,
    "bowl": dishes.bowl,
    "cloth": household.cloth,
    "sponge": household.sponge,
    "spoon": tools.spoon,
    "carrot": food.carrot,
    "tomato": food.tomato,
    "bread": food.bread,
    "chopping board": household.chopping_board,
    "apple": food.apple,
    "glass": dishes.glass,
    "scissors": tools.scissors,
    "box": household.box,
    "pan": dishes.pan,
    "onion": food.onion,
    "jar": dishes.jar,
    "cheese": food.cheese,
    "fork": tools.fork,
    "lid": dishes.lid,
    "kettle": dishes.kettle,
    "whisk": tools.whisk,
    "egg": food.egg,
    "banana": food.banana,
    "grater": tools.grater,
    "spatula": tools.spatula,
    "book": household.book,
    "phone": household.phone,
    "hammer": tools.hammer,
    "screwdriver": tools.screwdriver,
    "paintbrush": tools.paintbrush,
    "ball": household.ball,
    "wrench": tools.wrench,
    "pen": tools.pen,
    "tape": household.tape,
    "shoe": household.shoe,
    "remote": household.remote,
    "candle": household.candle,
}
"""The drawing of each noun."""

SIZES: dict[str, int] = {
    "cup": 52, "plate": 72, "knife": 80, "bottle": 78, "bowl": 66, "cloth": 70, "sponge": 46, "spoon": 68,
    "carrot": 68, "tomato": 44, "bread": 66, "chopping board": 84, "apple": 44, "glass": 60, "scissors": 64, "box": 82,
    "pan": 86, "onion": 48, "jar": 56, "cheese": 56, "fork": 68, "lid": 58, "kettle": 80, "whisk": 76,
    "egg": 32, "banana": 62, "grater": 72, "spatula": 82, "book": 72, "phone": 62, "hammer": 78, "screwdriver": 68,
    "paintbrush": 68, "ball": 54, "wrench": 76, "pen": 50, "tape": 40, "shoe": 74, "remote": 60, "candle": 54,
}  # fmt: skip
"""How long each noun is, in pixels of a frame seen from an ordinary distance."""


def draw_object(noun: str, look: Look, size: int) -> Image.Image:
    """The noun on a transparent square of ``size`` pixels, upright."""
    pen = Pen(size)
    DRAWINGS[noun](pen, look)
    return _outlined(pen.picture())


def _outlined(picture: Image.Image) -> Image.Image:
    """With a thin dark rim, so that a thing stands out from a surface of its own colour."""
    rim = Image.new("RGBa", picture.size, (0, 0, 0, 0))
    wider = picture.getchannel("a").filter(ImageFilter.MaxFilter(3))
    rim.paste((0, 0, 0, 150), (0, 0), wider)
    rim.paste(picture, (0, 0), picture.getchannel("a"))
    return rim
