"""What sounds are made of: blows that ring as their material does, coloured noise, clicks and bubbles."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from egoshift.world.vocabulary import MATERIALS, Material

SOUND_RATE_HZ = 48000

Samples = Float32[np.ndarray, " samples"]


@dataclass(frozen=True)
class Voice:
    """How a material sounds.

    Attributes:
        partials_hz: The frequencies at which it rings.
        decay_s: How long its lowest partial rings, until it is down to a third.
        knock: How much of a blow is a short noise, against the ringing.
        band_hz: The lowest and the highest frequency of rubbing it.
        loud: How loud a blow on it is; full scale is 1.
        rub: How loud rubbing it is.
    """

    partials_hz: tuple[float, ...]
    decay_s: float
    knock: float
    band_hz: tuple[float, float]
    loud: float
    rub: float


VOICES: Mapping[Material, Voice] = {
    "ceramic": Voice((1150.0, 2480.0, 3920.0, 5650.0), 0.09, 0.4, (2200.0, 7000.0), 0.35, 0.6),
    "glass": Voice((1900.0, 4150.0, 6800.0, 9500.0), 0.20, 0.25, (3500.0, 11000.0), 0.30, 0.5),
    "metal": Voice((820.0, 2170.0, 3640.0, 5200.0, 7900.0), 0.40, 0.3, (2800.0, 13000.0), 0.35, 0.8),
    "wood": Voice((260.0, 610.0, 1130.0, 1800.0), 0.030, 0.6, (500.0, 3200.0), 0.40, 0.8),
    "plastic": Voice((480.0, 1050.0, 2100.0), 0.018, 0.9, (1200.0, 5500.0), 0.30, 0.6),
    "paper": Voice((180.0, 430.0), 0.012, 1.6, (1600.0, 9000.0), 0.20, 1.0),
    "cloth": Voice((75.0, 130.0), 0.025, 0.3, (350.0, 1900.0), 0.06, 0.5),
    "hard food": Voice((220.0, 480.0, 900.0), 0.020, 0.7, (1200.0, 6500.0), 0.22, 0.9),
    "soft food": Voice((90.0, 190.0), 0.030, 0.3, (200.0, 1300.0), 0.09, 0.5),
}
TABLE = Voice((95.0, 170.0, 340.0), 0.05, 0.5, (200.0, 1500.0), 0.25, 0.5)
KNIFE = Voice((3100.0, 5400.0, 8200.0), 0.06, 0.5, (3000.0, 9000.0), 0.08, 0.5)
BOARD = Voice((330.0, 740.0, 1450.0), 0.035, 0.6, (400.0, 2500.0), 0.35, 0.6)
RAG = Voice((80.0,), 0.02, 0.3, (500.0, 3000.0), 0.05, 0.6)
SLOSH = Voice((200.0,), 0.02, 0.3, (250.0, 1100.0), 0.05, 0.9)


def voice_of(noun: str, person: tuple[int, ...]) -> Voice:
    """How one person's noun sounds: as its material does, higher or lower by the noun and a little by the person."""
    voice = VOICES[MATERIALS[noun]]
    name = zlib.crc32(noun.encode())
    pitch = 0.8 * 1.5 ** np.random.default_rng(name).random()
    pitch *= 1 + 0.06 * np.random.default_rng([*person, name]).uniform(-1, 1)
    return replace(voice, partials_hz=tuple(float(hertz * pitch) for hertz in voice.partials_hz))


def struck(voice: Voice, strength: float, rng: np.random.Generator) -> Samples:
    """A blow on something: damped partials, the higher the shorter, and a knock where it is hit."""
    times_s = np.arange(round((6 * voice.decay_s + 0.03) * SOUND_RATE_HZ), dtype=np.float32) / SOUND_RATE_HZ
    sound = np.zeros_like(times_s)
    lowest = voice.partials_hz[0]
    for number, hertz in enumerate(voice.partials_hz):
        size = rng.uniform(0.6, 1.0) / (1 + 0.5 * number)
        fading = times_s * (-1 / voice.decay_s * math.sqrt(hertz / lowest))
        turns = times_s * (2 * math.pi * hertz * rng.uniform(0.99, 1.01))
        sound += np.float32(size) * np.exp(fading) * np.sin(turns)
    knock = rng.standard_normal(len(times_s), dtype=np.float32) * np.exp(times_s * (-1 / 0.003))
    sound += np.float32(0.5 * voice.knock) * knock
    return sound * np.float32(strength * voice.loud / max(1.0, voice.knock))


def click(strength: float, rng: np.random.Generator) -> Samples:
    """A switch: a tick too short to have a pitch."""
    times_s = np.arange(round(0.012 * SOUND_RATE_HZ), dtype=np.float32) / SOUND_RATE_HZ
    hertz = rng.uniform(2600, 3400)
    tick = np.sin(times_s * (2 * math.pi * hertz)) + 0.6 * rng.standard_normal(len(times_s), dtype=np.float32)
    ticked: Samples = np.float32(strength) * tick * np.exp(times_s * (-1 / 0.0018))
    return ticked


def bubble(hertz: float, strength: float) -> Samples:
    """A bubble that bursts: a tone that rises while it dies away."""
    times_s = np.arange(round(0.07 * SOUND_RATE_HZ), dtype=np.float32) / SOUND_RATE_HZ
    turns = 2 * math.pi * hertz * (times_s + 4 * times_s**2)
    return np.float32(strength) * np.sin(turns) * np.exp(times_s * (-1 / 0.014))


def hiss(num_samples: int, band_hz: tuple[float, float], rng: np.random.Generator) -> Samples:
    """Noise between two frequencies, with a root mean square of 1."""
    noise = rng.standard_normal(num_samples + -num_samples % 4096, dtype=np.float32)
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1 / SOUND_RATE_HZ).astype(np.float32)
    low, high = band_hz
    spectrum *= 1 / np.sqrt((1 + (low / np.maximum(hertz, 1)) ** 4) * (1 + (hertz / high) ** 6))
    return _level(np.fft.irfft(spectrum, len(noise))[:num_samples])


def murmur(num_samples: int, rng: np.random.Generator) -> Samples:
    """A quiet room: noise that falls by 3 dB an octave and a faint hum of the mains, root mean square 1."""
    noise = rng.standard_normal(num_samples + -num_samples % 4096, dtype=np.float32)
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1 / SOUND_RATE_HZ).astype(np.float32)
    spectrum *= 1 / np.sqrt(np.maximum(hertz, 40) * (1 + (hertz / 9000) ** 4))
    pink = _level(np.fft.irfft(spectrum, len(noise))[:num_samples])
    period = SOUND_RATE_HZ // 50
    turns = 2 * math.pi * np.arange(period) / period
    hum = sum(size * np.sin(k * turns + rng.uniform(0, 6)) for k, size in ((1, 0.2), (2, 0.25), (3, 0.1)))
    return _level(pink + np.resize(np.asarray(hum, dtype=np.float32), num_samples))


def rough(num_samples: int, hertz: float, rng: np.random.Generator) -> Samples:
    """A loudness that comes in grains, about ``hertz`` of them a second, from 0 up, 1 in the mean."""
    grains = rng.random(max(2, math.ceil(num_samples / SOUND_RATE_HZ * hertz) + 1)) ** 3 * 4
    return over(grains, num_samples)


def over(values: Float64[np.ndarray, " values"], num_samples: int) -> Samples:
    """Values at equal steps as a loudness for as many samples, straight lines between."""
    where = np.arange(num_samples) * ((len(values) - 1) / max(1, num_samples - 1))
    loudness: Samples = np.interp(where, np.arange(len(values)), values).astype(np.float32)
    return loudness


def _level(sound: np.ndarray) -> Samples:
    levelled: Samples = (sound / np.sqrt(np.square(sound).mean(dtype=np.float64))).astype(np.float32)
    return levelled
