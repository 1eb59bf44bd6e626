"""Image towers run by OpenVINO (extra ``openvino``)."""

import os
import queue
import sys
import warnings
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egoshift.encoders.graphs import GraphImageEncoder, ImageGraph, Run
from egoshift.errors import ConfigError

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_MOST_STREAMS = 16  # as many as extraction runs side by side on a CPU


class OpenVinoImageEncoder(GraphImageEncoder):
    """An image tower that OpenVINO runs; its module is in float32, and OpenVINO computes in the card's type.

    A batch takes one core, or more where there are more than 16; calls from several threads run side by side.
    """

    def make(self, graph: ImageGraph, example: UInt8[Tensor, "size 3 side side"]) -> Run:
        """Converts the module and loads it; some seconds for a ViT-B/16."""
        openvino = import_openvino()
        cores = os.cpu_count() or 1
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.card.dtype],
            "NUM_STREAMS": min(cores, _MOST_STREAMS),
            "INFERENCE_NUM_THREADS": cores,
            "ENABLE_CPU_PINNING": False,  # decoding takes its share of the same cores
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = openvino.convert_model(torch.export.export(graph, (example,)))
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        idle: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def run(images: UInt8[Tensor, "size 3 side side"]) -> Float[Tensor, "size dim"]:
            try:
                request = idle.get_nowait()
            except queue.Empty:
                request = compiled.create_infer_request()
            features = torch.from_numpy(request.infer([images.numpy()])[0].copy())
            idle.put(request)
            return features

        return run


def import_openvino() -> Any:
    """OpenVINO's module.

    Raises:
        ConfigError: It is not installed.
    """
    modules: dict[str, Any] = sys.modules
    # OpenVINO reports its use over the network when it is imported, and does without where this module is absent.
    told = modules.get("openvino_telemetry")
    modules["openvino_telemetry"] = None
    try:
        import openvino
    except ImportError:
        raise ConfigError(
            "runtime openvino needs OpenVINO, which is not installed; pip install 'egoshift[openvino]', or use runtime "
            "torch"
        ) from None
    finally:
        del modules["openvino_telemetry"]
        if told is not None:
            modules["openvino_telemetry"] = told
    return openvino
