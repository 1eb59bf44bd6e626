"""Run a model that `egoshift export MODEL --onnx OUT` wrote: numpy and onnxruntime, no torch, no egoshift.

    pip install numpy onnxruntime
    python run_onnx.py OUT clips.npz

clips.npz holds an array per stream of the model (OUT/model.json lists them): features (clips, frames, width) in
float32, or prepared frames (clips, frames, 3, size, size) in uint8, which pass the encoder first (export it with
--encoder). A stream left out is missing for all clips. Other classes: replace the vectors and names beside the model.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession

out, clips = Path(sys.argv[1]), np.load(sys.argv[2])
card = json.loads((out / "model.json").read_text())
for model in card["models"].values():
    given = {f"text_{label}": np.load(out / file) for label, file in model["class_vectors"].items()}
    widths = {one["name"]: one["shape"][1:] for one in model["inputs"]}
    for name, stream in model["streams"].items():
        frames = clips[name] if name in clips else np.zeros((len(clips[clips.files[0]]), 1, widths[name][1]), "float32")
        if frames.dtype == np.uint8:
            encoder = InferenceSession(out / card["encoders"][stream["encoder"]]["file"])
            features = encoder.run(None, {"images": frames.reshape(-1, *frames.shape[2:])})[0]
            frames = features.reshape(*frames.shape[:2], -1)
        given |= {name: frames} | ({stream["mask"]: np.full(len(frames), name in clips)} if stream["mask"] else {})
    session = InferenceSession(out / model["file"])
    read = {one.name for one in session.get_inputs()}
    scores = session.run(None, {name: value for name, value in given.items() if name in read})
    for (label, names), logits in zip(model["classes"].items(), scores, strict=True):
        odds = np.exp((logits - logits.max(1, keepdims=True)) / model["temperatures"].get(label, 1.0))
        for clip, row in enumerate(odds / odds.sum(1, keepdims=True)):
            best = ", ".join(f"{names[index]} {row[index]:.0%}" for index in np.argsort(-row)[:3])
            print(f"clip {clip} {label}: {best}")
