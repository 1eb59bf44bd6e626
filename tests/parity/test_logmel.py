"""The log-mel filterbank against Kaldi's definition in plain loops, ``transformers`` and ``kaldi-native-fbank``.

Between single and double precision, values differ by 1e-6 to 3e-5 in the mean; single ones by 1e-3, where a frequency
happens to be 60 dB below what is around it, and by 0.05 where a full-scale tone sweeps and nothing else sounds.
"""

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from egoshift.encoders.ast import normalised
from egoshift.media.logmel import log_mel

RATE_HZ = 16_000
SECONDS = 2


def signals() -> dict[str, np.ndarray]:
    """Sounds as they are met: float32, from -1 to 1."""
    random = np.random.default_rng(0)
    times_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    pitch = np.cumsum(120 + 60 * np.sin(2 * np.pi * 0.7 * times_s)) / RATE_HZ
    voice = sum(size * np.sin(2 * np.pi * k * pitch) for k, size in ((1, 0.3), (2, 0.2), (3, 0.1), (7, 0.05)))
    voice = voice * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * times_s))
    sounds = {
        "noise": random.uniform(-1, 1, len(times_s)),
        "voice": voice,
        "voice in noise": voice + 0.003 * random.standard_normal(len(times_s)),
        "voice in 16 bits": np.round(voice * 32767) / 32768,
        "clipped": np.clip(5 * voice, -1, 1),
        "quiet": 1e-4 * random.standard_normal(len(times_s)),
        "beside zero": 0.5 + 0.01 * random.standard_normal(len(times_s)),
        "silence": np.zeros(len(times_s)),
        "then silence": np.where(times_s < 1, voice, 0),
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def kaldi_fbank(waveform: np.ndarray, num_bins: int) -> np.ndarray:
    """The slow twin: Kaldi's steps in its order, one frame and one triangle at a time, in double precision."""
    window = [0.5 - 0.5 * math.cos(2 * math.pi * i / 399) for i in range(400)]
    triangles = [kaldi_triangle(index, num_bins) for index in range(num_bins)]
    rows = []
    for first in range(0, len(waveform) - 399, 160):
        frame = [float(value) for value in waveform[first : first + 400]]
        mean = sum(frame) / 400
        frame = [value - mean for value in frame]
        for i in range(399, 0, -1):
            frame[i] -= 0.97 * frame[i - 1]
        frame[0] -= 0.97 * frame[0]
        padded = [value * weight for value, weight in zip(frame, window, strict=True)] + [0.0] * 112
        power = np.abs(np.fft.fft(padded)[:256]) ** 2
        rows.append([math.log(max(float(power @ triangle), 2.0**-23)) for triangle in triangles])
    return np.array(rows)


def kaldi_triangle(index: int, num_bins: int) -> np.ndarray:
    low, high = 1127 * math.log(1 + 20 / 700), 1127 * math.log(1 + 8000 / 700)
    step = (high - low) / (num_bins + 1)
    left, centre, right = (low + (index + k) * step for k in range(3))
    weights = np.zeros(256)
    for i in range(256):
        mel = 1127 * math.log(1 + i * RATE_HZ / 512 / 700)
        if left < mel < right:
            weights[i] = (mel - left) / (centre - left) if mel <= centre else (right - mel) / (right - centre)
    return weights


def ours(sound: np.ndarray, num_bins: int = 128, dtype: torch.dtype = torch.float32) -> np.ndarray:
    given: np.ndarray = log_mel(torch.from_numpy(sound)[None].to(dtype), num_bins=num_bins)[0].numpy()
    return given


def assert_close(found: np.ndarray, expected: np.ndarray, mean: float, most: float) -> None:
    assert found.shape == expected.shape
    apart = np.abs(found.astype(np.float64) - expected)
    assert apart.mean() < mean
    assert apart.max() < most


@pytest.mark.parametrize("name", signals())
@pytest.mark.parametrize("num_bins", [40, 128])
def test_it_is_what_kaldi_defines(name: str, num_bins: int) -> None:
    sound = signals()[name][: RATE_HZ // 4]
    expected = kaldi_fbank(sound, num_bins)
    assert_close(ours(sound, num_bins, torch.float64), expected, 1e-9, 1e-7)
    assert_close(ours(sound, num_bins), expected, 5e-5, 5e-3)


def test_a_lone_tone_that_sweeps_is_the_hardest_for_single_precision() -> None:
    sweep = np.sin(2 * np.pi * np.cumsum(np.linspace(20, 8000, SECONDS * RATE_HZ)) / RATE_HZ).astype(np.float32)
    assert_close(ours(sweep), ours(sweep, dtype=torch.float64), 5e-4, 0.1)


def extractor(**settings: Any) -> Any:
    from transformers import ASTFeatureExtractor

    with warnings.catch_warnings():  # it warns of the triangle that holds no frequency
        warnings.simplefilter("ignore", UserWarning)
        return ASTFeatureExtractor(**settings)


@pytest.mark.parametrize("name", signals())
def test_it_is_what_transformers_extracts(name: str) -> None:
    sound = signals()[name]
    extract = extractor(do_normalize=False, max_length=198)
    expected = np.asarray(extract(sound, sampling_rate=RATE_HZ)["input_values"][0])
    assert_close(ours(sound), expected, 2e-5, 5e-3)
    assert_close(ours(sound, dtype=torch.float64), expected, 1e-6, 2e-6)  # it gives single precision


@pytest.mark.parametrize("target_frames", [100, 198, 1024])
def test_a_batch_for_the_ast_is_what_transformers_makes_of_it(target_frames: int) -> None:
    sounds = list(signals().values())
    expected = extractor(max_length=target_frames)(sounds, sampling_rate=RATE_HZ, return_tensors="pt")["input_values"]
    log_mels = log_mel(torch.from_numpy(np.stack(sounds)))
    # Zeros before they are normalised, or cut off.
    found = normalised(functional.pad(log_mels, (0, 0, 0, target_frames - log_mels.shape[1])))
    assert_close(found.numpy(), expected.numpy(), 2e-6, 5e-4)


@pytest.mark.parametrize("name", signals())
def test_it_is_what_kaldi_native_fbank_computes(name: str) -> None:
    """With 120 triangles: it refuses 128, one of which holds no frequency.

    It computes in single precision throughout, so it is itself up to 5e-3 from the definition.
    """
    fbank = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not installed")
    options = fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hanning"
    options.mel_opts.num_bins = 120
    sound = signals()[name]
    computer = fbank.OnlineFbank(options)
    computer.accept_waveform(RATE_HZ, sound)
    computer.input_finished()
    expected = np.stack([computer.get_frame(index) for index in range(computer.num_frames_ready)])
    assert_close(ours(sound, 120), expected, 5e-5, 1e-2)
