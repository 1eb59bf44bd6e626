"""The AST's front end, ``log_mel`` and its normalisation, against ``transformers``' and ``kaldi-native-fbank``.

A batch of 32 sounds of 10 seconds, in turns, in one process. Time is processor time on one thread, the best of several
turns, so that a busy machine changes it little; the ratios of the clocks on the wall, with one thread and with as many
as there are cores, stand beside it. All must give the same values. ``kaldi-native-fbank`` refuses the AST's 128
triangles, one of which holds no frequency, so both count 120 there; where it is not installed, that is said on the
error stream.
"""

import importlib
import logging
import os
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.report import report
from egoshift.encoders.ast import normalised
from egoshift.media.logmel import log_mel

BATCH, SECONDS, RATE_HZ, TURNS = 32, 10, 16_000, 5
COMMAND = "python -m benchmarks.logmel"
SIZE = f"{BATCH} sounds of {SECONDS} s, float32"

Front = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Measure and report both."""
    generator = np.random.default_rng(0)
    sounds = (0.1 * generator.standard_normal((BATCH, SECONDS * RATE_HZ))).astype(np.float32)
    compare("logmel-transformers", sounds, transformers_front(), ast_front, ">= 5 times the speed of its extractor")
    if find_spec("kaldi_native_fbank"):
        compare("logmel-kaldi", sounds, kaldi_native_front(), kaldi_front, ">= 3 times the speed of kaldi-native-fbank")
    else:
        logging.warning("kaldi-native-fbank is not installed: there is no line for it")


def compare(name: str, sounds: np.ndarray, theirs: Front, ours: Front, bar: str) -> None:
    """Report how many times as fast ours is, and how far its values are from theirs."""
    apart = np.abs(ours(sounds) - theirs(sounds))
    assert apart.mean() < 1e-4, "both give the same values"
    torch.set_num_threads(1)
    times = np.array([[clocks(front, sounds) for front in (theirs, ours)] for _ in range(TURNS)])
    their_s, our_s = times[:, :, 0].min(axis=0).tolist()
    torch.set_num_threads(os.cpu_count() or 1)
    walls = np.array([[clocks(front, sounds) for front in (theirs, ours)] for _ in range(TURNS)])[:, :, 1]
    report(
        name,
        their_s / our_s,
        "times",
        bar,
        COMMAND,
        size=f"{SIZE}, one thread",
        ms_per_sound=round(1e3 * our_s / BATCH, 3),
        wall=round(float(np.median(times[:, 0, 1] / times[:, 1, 1])), 2),
        wall_all_cores=round(float(np.median(walls[:, 0] / walls[:, 1])), 2),
        greatest_difference=float(f"{apart.max():.2g}"),
        mean_difference=float(f"{apart.mean():.2g}"),
    )


def clocks(front: Front, sounds: np.ndarray) -> tuple[float, float]:
    """Seconds of processor time, and on the wall."""
    begun = time.process_time(), time.perf_counter()
    front(sounds)
    return time.process_time() - begun[0], time.perf_counter() - begun[1]


def ast_front(sounds: np.ndarray) -> np.ndarray:
    """Ours, ready for the AST."""
    log_mels = log_mel(torch.from_numpy(sounds))
    # Up to the 10.24 s that the published weights take, by zeros before they are normalised, as its authors do.
    given: np.ndarray = normalised(functional.pad(log_mels, (0, 0, 0, 1024 - log_mels.shape[1]))).numpy()
    return given


def kaldi_front(sounds: np.ndarray) -> np.ndarray:
    """Ours, as many triangles as Kaldi allows."""
    given: np.ndarray = log_mel(torch.from_numpy(sounds), num_bins=120).numpy()
    return given


def transformers_front() -> Front:
    """The extractor of ``transformers``, which uses numpy where torchaudio is not installed."""
    from transformers import ASTFeatureExtractor

    with warnings.catch_warnings():  # it warns of the triangle that holds no frequency
        warnings.simplefilter("ignore", UserWarning)
        extractor = ASTFeatureExtractor()

    def front(sounds: np.ndarray) -> np.ndarray:
        given: np.ndarray = extractor(list(sounds), sampling_rate=RATE_HZ, return_tensors="np")["input_values"]
        return np.asarray(given)

    return front


def kaldi_native_front() -> Front:
    """``kaldi-native-fbank``, a sound at a time, which is all it offers."""
    fbank: Any = importlib.import_module("kaldi_native_fbank")
    options = fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hanning"
    options.mel_opts.num_bins = 120

    def one(sound: np.ndarray) -> np.ndarray:
        computer = fbank.OnlineFbank(options)
        computer.accept_waveform(RATE_HZ, sound)
        computer.input_finished()
        return np.stack([computer.get_frame(index) for index in range(computer.num_frames_ready)])

    return lambda sounds: np.stack([one(sound) for sound in sounds])


if __name__ == "__main__":
    main()
