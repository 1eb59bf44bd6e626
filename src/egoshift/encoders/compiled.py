"""Image towers compiled by torch's inductor, with their weights frozen into the graph."""

import tempfile
import warnings
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from egoshift.encoders.graphs import GraphImageEncoder, ImageGraph, Run
from egoshift.errors import ConfigError

_GRAPHS_AT_ONCE = 16  # as many as extraction runs side by side on a CPU; they share the weights


class CompiledImageEncoder(GraphImageEncoder):
    """An image tower as machine code of this processor.

    It is compiled ahead of its use (``torch.export``, then inductor with freezing), since what ``torch.compile``
    made would be made again for every other number of threads.
    """

    def make(self, graph: ImageGraph, example: UInt8[Tensor, "size 3 side side"]) -> Run:
        """Compiles it; a minute for a ViT-B/16."""
        check_compiler()
        from torch._inductor import aoti_compile_and_package
        from torch._inductor.package.package import load_package
        from torch._inductor.utils import fresh_inductor_cache

        # Threads are not counted at compiling: each call takes what it is given.
        settings = {"freezing": True, "cpp.dynamic_threads": True}
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), fresh_inductor_cache():
            warnings.simplefilter("ignore")
            exported = torch.export.export(graph, (example,))
            path = aoti_compile_and_package(
                exported, package_path=str(Path(folder) / "tower.pt2"), inductor_configs=settings
            )
            run: Run = load_package(path, num_runners=_GRAPHS_AT_ONCE)
        return run


def check_compiler() -> None:
    """Refuse to compile where nothing can.

    Raises:
        ConfigError: There is no C++ compiler.
    """
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        raise ConfigError(
            "runtime compiled needs a C++ compiler and found none; install g++ (on Debian: apt install g++), name one "
            "in the environment variable CXX, or use runtime torch"
        ) from None
