"""How fast a recording becomes a timeline: against its own length, and with a ViT-B/16 against what its parts allow.

``prediction-egoworld``: ten minutes of 256 x 192 (EgoWorld's *home*, put together from its videos without coding them
anew), X-MIC on the small CLIP that is shipped, whole frames and hand crops, from the file to the segments; the encoder
is loaded, nothing is cached. The ratio is the recording's length over the time.

``prediction-overlap``: as ``extraction-overlap``, whose parts it takes: 1280 x 720, a ViT-B/16 with random weights, and
X-MIC on it. The ratio is the time that decoding alone and encoding alone allow over that of the whole prediction.

``prediction-again``: the same recording once more with other classes, its features cached, against the first time.
"""

import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import torch

from benchmarks.extraction import (
    BATCH,
    GRID_HZ,
    Spent,
    decode,
    encode_a_batch_a_core,
    encode_one_batch_at_once,
    write_720p,
)
from benchmarks.report import report
from egoshift.allocator import keep_large_blocks
from egoshift.classifier import ClassText
from egoshift.encoders import class_text, load_image_encoder, load_text_encoder
from egoshift.methods import XMIC
from egoshift.prediction import Predictor
from egoshift.prediction.package import Package
from egoshift.recipes.plan_rates import write_vit_b16
from egoshift.recipes.run import StreamRef
from egoshift.training import TrainedModel
from egoshift.world import write_world

NAMES = ("cup", "plate", "knife", "bottle", "bowl", "cloth", "sponge", "spoon", "carrot", "tomato")
LONG_S = 600.0
SECONDS, TURNS = 40.0, 2  # of 720p


def package(encoder: str, dim: int, text: ClassText, views: tuple[str, ...]) -> Package:
    """X-MIC with weights as drawn, on an encoder."""
    torch.manual_seed(0)
    classify, condition = [views[0]], [views[-1]]
    model = XMIC(text_dim=dim, condition_dim=dim, classify_streams=classify, condition_streams=condition)
    trained = TrainedModel(model, {"noun": text}, text_encoder=encoder)
    streams = {view: StreamRef.model_validate({"encoder": encoder, "view": view}) for view in views}
    return Package("benchmark", (trained,), streams)


def put_together(videos: list[Path], path: Path) -> float:
    """Videos one after the other, packets as they are, until ten minutes are full; gives the seconds."""
    end, tick_s = 0, Fraction(1)
    with av.open(str(path), "w") as out:
        stream = None
        for video in videos:
            with av.open(str(video)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                last, tick_s = end, source.time_base or tick_s
                for packet in container.demux(source):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + end, packet.dts + end
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    out.mux(packet)
                end = last
                if end * tick_s >= LONG_S:
                    break
    return float(end * tick_s)


def egoworld(folder: Path) -> None:
    """Ten minutes of EgoWorld."""
    write_world(folder / "world", sets=("home",), sensors=False)
    videos = sorted((folder / "world" / "home" / "videos").rglob("*.mp4"))
    path = folder / "long.mp4"
    length_s = put_together(videos, path)
    text = class_text(load_text_encoder("egoworld"), NAMES)
    predictor = Predictor(package("egoworld", text.vectors.shape[1], text, ("full", "hand")))
    predictor.predict(videos[0], cache=folder / "warm")
    start = time.perf_counter()
    prediction = predictor.predict(path, cache=folder / "cache")
    first_s = time.perf_counter() - start
    assert not prediction.timeline.partial
    start = time.perf_counter()
    predictor.predict(path, cache=folder / "cache", nouns=[*NAMES[:5], "kettle", "pan"])
    again_s = time.perf_counter() - start
    facts = {
        "seconds": round(length_s, 1),
        "predict_s": round(first_s, 2),
        "load_average": round(os.getloadavg()[1], 1),
        "threads": torch.get_num_threads(),
    }
    command = "python -m benchmarks.prediction"
    report("prediction-egoworld", length_s / first_s, "times real time, 256x192", ">= 20", command, **facts)
    report("prediction-again", first_s / again_s, "times the speed of the first time", "reported", command)


def overlap(folder: Path) -> None:
    """A ViT-B/16 at 720p, in turns with its parts."""
    cores = os.cpu_count() or 1
    torch.set_num_threads(cores)
    decoding, spread, side_by_side, whole = Spent(), Spent(), Spent(), Spent()
    name = str(write_vit_b16(folder / "vit"))
    encoder, path = load_image_encoder(name), write_720p(folder / "video.mp4", SECONDS)
    text = ClassText(torch.randn(len(NAMES), encoder.card.dim), NAMES)
    predictor = Predictor(package(name, encoder.card.dim, text, ("full",)))
    predictor.towers.image(name)
    encoder.encode(torch.zeros((BATCH, 3, 224, 224), dtype=torch.uint8))
    for turn in range(TURNS):
        with decoding.measuring():
            images = decode(path, encoder, SECONDS)
        batches = list(torch.split(torch.stack(images), BATCH))
        with spread.measuring():
            encode_one_batch_at_once(encoder, batches)
        with whole.measuring():
            predictor.predict(path, cache=folder / f"cache{turn}", nouns=NAMES)
        with side_by_side.measuring():
            encode_a_batch_a_core(encoder, batches)
    encoding = min((spread, side_by_side), key=lambda spent: spent.wall_s)
    allowed_s = max(decoding.wall_s, encoding.wall_s, (decoding.cpu_s + encoding.cpu_s) / cores)
    report(
        "prediction-overlap",
        allowed_s / whole.wall_s,
        "of the rate that decoding alone and encoding alone allow",
        ">= 0.9",
        "python -m benchmarks.prediction",
        size=f"{SECONDS * TURNS:g} s at {GRID_HZ:g} Hz of 1280x720, ViT-B/16 in {encoder.card.dtype}",
        decode_s=round(decoding.wall_s, 2),
        encode_s=round(encoding.wall_s, 2),
        predict_s=round(whole.wall_s, 2),
        processor_share=round((decoding.cpu_s + encoding.cpu_s) / whole.cpu_s, 4),
        load_average=round(os.getloadavg()[1], 1),
    )


def main() -> None:
    """Print three lines."""
    keep_large_blocks()
    with tempfile.TemporaryDirectory() as name:
        overlap(Path(name))
        egoworld(Path(name))


if __name__ == "__main__":
    main()
