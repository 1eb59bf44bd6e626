"""How large a model is and what a clip costs it: parameters and multiply-adds, counted in the operations it runs.

An operation is counted where torch runs it, by the shapes of what goes in, so that products are found whichever module
or function asks for them; on the ``meta`` device nothing is computed and the largest model costs nothing to count. What
is not a product or a norm (softmax, activations, sums) is not counted, as in the counters that papers use.

Counters differ in two ways that matter when numbers are compared: fvcore (https://github.com/facebookresearch/fvcore)
adds five operations for each number that a layer norm with weights gives, others add none; and some print operations,
two for each multiply-add. ``Size`` keeps the parts apart.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Part = Literal["linear", "attention", "convolution", "norm"]

OPERATIONS_OF_NORM = 5
"""For each number: subtracting, squaring, scaling, and the weight and bias; fvcore's convention."""


@dataclass(frozen=True)
class Size:
    """Parameters and cost; costs are multiply-adds of one pass.

    Attributes:
        parameters: All numbers that are learned, shared ones once.
        linear: Products of tokens with weights.
        attention: Products of tokens with tokens.
        convolution: Convolutions.
        norm: Operations of layer norms, as fvcore counts them.
    """

    parameters: int
    linear: int
    attention: int
    convolution: int
    norm: int

    @property
    def multiply_adds(self) -> int:
        """Of the products alone."""
        return self.linear + self.attention + self.convolution

    @property
    def with_norms(self) -> int:
        """What fvcore prints as operations."""
        return self.multiply_adds + self.norm


def count(model: nn.Module, *inputs: Tensor) -> Size:
    """Parameters of a model, and what one pass over these inputs costs it.

    The pass is without gradients and in the mode (training or not) that the model is in.

    Args:
        model: The model; on the ``meta`` device only shapes are followed.
        inputs: What it is called with; a batch of one gives the cost of a clip.
    """
    counter = _Counter()
    with torch.inference_mode(False), torch.no_grad(), counter:
        model(*inputs)
    return Size(parameters=sum(weight.numel() for weight in model.parameters()), **counter.found)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not annotate it
    """Adds up what each operation costs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: dict[Part, int] = {"linear": 0, "attention": 0, "convolution": 0, "norm": 0}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name.startswith(FUSED_ATTENTION):
            self.found["attention"] += attention_cost(*(part.shape for part in args[:3]))
        elif name in COSTS:
            part, cost = COSTS[name]
            self.found[part] += cost(args, result)
        return result


FUSED_ATTENTION = ("_scaled_dot_product", "_flash_attention", "_efficient_attention")


def attention_cost(query: tuple[int, ...], key: tuple[int, ...], value: tuple[int, ...]) -> int:
    """Queries times keys, and weights times values, of shapes ``(..., tokens, width)``.

    >>> attention_cost((1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 4)) == 2 * 5 * 7 * (8 + 4)
    True
    """
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def convolution_cost(weight: tuple[int, ...], output: tuple[int, ...]) -> int:
    """One product for each number of the output and each weight it is made of.

    >>> convolution_cost((96, 3, 3, 7, 7), (1, 96, 8, 56, 56)) == 96 * 8 * 56 * 56 * 3 * 3 * 7 * 7
    True
    """
    return prod(output) * prod(weight[1:])


def norm_cost(args: Any, _: Any) -> int:
    """``OPERATIONS_OF_NORM`` for each number; one less without weights."""
    return int(args[0].numel()) * (OPERATIONS_OF_NORM if args[2] is not None else OPERATIONS_OF_NORM - 1)


COSTS: dict[str, tuple[Part, Callable[[Any, Any], int]]] = {
    "mm": ("linear", lambda args, _: args[0].numel() * args[1].shape[-1]),
    "addmm": ("linear", lambda args, _: args[1].numel() * args[2].shape[-1]),
    "bmm": ("attention", lambda args, _: args[0].numel() * args[1].shape[-1]),
    "baddbmm": ("attention", lambda args, _: args[1].numel() * args[2].shape[-1]),
    "convolution": ("convolution", lambda args, result: convolution_cost(args[1].shape, result.shape)),
    "native_layer_norm": ("norm", norm_cost),
}
"""What an operation of torch is counted as, and its cost from its arguments and its result."""
