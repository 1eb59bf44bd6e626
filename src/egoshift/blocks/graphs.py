"""Whether tensors have values, or stand for any while a graph of the computation is being recorded."""

import torch


def values_are_known() -> bool:
    """False inside ``torch.export`` and ``torch.compile``: there nothing may depend on what a tensor holds.

    Nor on how many clips, frames or classes there are: a graph is for any number of each. So what is refused by its
    values is not refused there, and shortcuts that depend on them are not taken; the numbers are the same.
    """
    return not torch.compiler.is_compiling()
