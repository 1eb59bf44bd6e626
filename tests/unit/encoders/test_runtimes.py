"""Runtimes of image towers against float32 by torch: same features up to what rounding does, ragged and threaded."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from egoshift.encoders import load_image_encoder
from egoshift.encoders.compiled import check_compiler
from egoshift.encoders.graphs import GraphImageEncoder
from egoshift.encoders.load import check_runtime
from egoshift.encoders.openvino import import_openvino
from egoshift.errors import ConfigError
from tests.fixtures import checkpoints


def missing(check: Any) -> str | None:
    try:
        check()
    except ConfigError as error:
        return str(error)
    return None


LACKS = {"compiled": missing(check_compiler), "openvino": missing(import_openvino)}
WRITERS: dict[str, Any] = {
    "clip": checkpoints.write_clip,
    "siglip": checkpoints.write_siglip,
    "dinov2": checkpoints.write_dinov2,
}
# 1 - cosine of features of two layers with large random weights; bfloat16 has 8 bits.
BOUNDS = {"float32": 1e-9, "bfloat16": 1e-3}


def runtime(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.skipif(LACKS[name] is not None, reason=str(LACKS[name])))


def pictures(number: int, size: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (number, 3, size, size), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((1 - torch.cosine_similarity(found.double(), exact.double())).max())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runtimes")
    return {family: str(write(place / family)) for family, write in WRITERS.items()}


@pytest.mark.parametrize("family", WRITERS)
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.skipif(LACKS["openvino"] is not None, reason=str(LACKS["openvino"]))
def test_openvino_gives_the_features_of_every_family(folder, family, precision):
    encoder = load_image_encoder(folder[family], precision=precision, runtime="openvino")
    exact = encoder.exact()
    assert exact is not None
    assert exact.card.dtype == "float32"
    assert exact.card.runtime == "torch"
    assert encoder.card.dtype == precision
    images = pictures(5, encoder.card.size)
    assert error(encoder.encode(images), exact.encode(images)) < BOUNDS[precision]


@pytest.mark.skipif(LACKS["compiled"] is not None, reason=str(LACKS["compiled"]))
def test_a_compiled_tower_gives_the_features_in_ragged_batches_and_threads(folder):
    encoder = load_image_encoder(folder["clip"], precision="bfloat16", runtime="compiled")
    check_ragged_batches_and_threads(encoder)


@pytest.mark.skipif(LACKS["openvino"] is not None, reason=str(LACKS["openvino"]))
def test_an_openvino_tower_gives_the_features_in_ragged_batches_and_threads(folder):
    encoder = load_image_encoder(folder["clip"], precision="bfloat16", runtime="openvino")
    check_ragged_batches_and_threads(encoder)


def check_ragged_batches_and_threads(encoder):
    assert isinstance(encoder, GraphImageEncoder)
    made = 0
    make = encoder.make

    def counted(*arguments):
        nonlocal made
        made += 1
        return make(*arguments)

    encoder.make = counted  # type: ignore[method-assign]
    images = pictures(11)
    before = images.clone()
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(encoder.encode, [images[:4]] * 8))
    features = threaded[0]
    assert features.dtype is torch.float32
    assert not features.requires_grad
    assert all(torch.equal(one, features) for one in threaded)
    exact = encoder.exact()
    assert exact is not None
    whole = encoder.encode(images)
    assert error(whole, exact.encode(images)) < BOUNDS["bfloat16"]
    assert torch.equal(whole[:4], features)
    assert torch.equal(encoder.encode(images[:3]), features[:3])
    assert encoder.encode(images[:0]).shape == (0, encoder.card.dim)
    assert torch.equal(images, before)
    assert made == 1
    with pytest.raises(ValueError, match="uint8"):
        encoder.encode(images[..., :16, :16])
    del encoder.make
    if encoder.card.runtime == "openvino":  # compiling once is enough for a test
        again = pickle.loads(pickle.dumps(encoder))
        assert torch.equal(again.encode(images[:4]), features)


def test_packed_towers_give_the_same_bits(folder):
    images = pictures(5)
    packed = load_image_encoder(folder["clip"], precision="bfloat16")
    plain = load_image_encoder(folder["clip"], precision="float32")
    plain._tower = plain.tower.to(torch.bfloat16)  # type: ignore[attr-defined]
    plain.tower.set_attn_implementation("eager")  # type: ignore[attr-defined]
    kinds = {type(module).__name__ for module in packed.tower.modules()}  # type: ignore[attr-defined]
    assert {"PackedLinear", "QuickGelu"} <= kinds
    features = packed.encode(images)
    assert torch.equal(features, plain.encode(images))
    assert torch.equal(pickle.loads(pickle.dumps(packed)).encode(images), features)
    exact = packed.exact()
    assert exact is not None
    assert exact.exact() is None
    assert 0 < error(features, exact.encode(images)) < BOUNDS["bfloat16"]


def test_unusable_runtimes_are_refused(folder, monkeypatch):
    with pytest.raises(ConfigError, match="runtime 'tvm' is not known; use one of torch, compiled, openvino"):
        check_runtime("tvm", torch.device("cpu"))
    with pytest.raises(ConfigError, match="runtime openvino is for CPUs, and the device is meta"):
        load_image_encoder(folder["clip"], device="meta", runtime="openvino")
    with pytest.raises(ConfigError, match="leave the runtime out"):
        load_image_encoder(f"pixels:{folder['clip']}", runtime="openvino")
    with pytest.raises(ConfigError, match="float16 is not usable on a CPU"):
        load_image_encoder(folder["clip"], precision="float16", runtime="compiled")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ConfigError, match=r"pip install 'egoshift\[openvino\]'"):
        load_image_encoder(folder["clip"], runtime="openvino")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    with pytest.raises(ConfigError, match="needs a C\\+\\+ compiler and found none"):
        load_image_encoder(folder["clip"], runtime="compiled")


@pytest.mark.skipif(LACKS["openvino"] is not None, reason=str(LACKS["openvino"]))
def test_importing_openvino_tells_nobody():
    assert not hasattr(import_openvino(), "no_such_thing")
    assert "openvino_telemetry" not in sys.modules
