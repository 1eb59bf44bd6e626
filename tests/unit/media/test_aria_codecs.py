"""What Project Aria's sound and pictures are coded in, decoded again after coding it ourselves."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from egoshift.errors import MediaError
from egoshift.media.aria.opus import OpusDecoder
from egoshift.media.aria.pictures import H265Decoder, begins_anew, decode_jpeg
from egoshift.media.aria.sound import SoundReader

PATH = Path("made.vrs")


def test_opus_of_several_channels_comes_out_as_it_went_in() -> None:
    rate_hz, seconds = 16_000, 0.5
    times_s = np.arange(int(rate_hz * seconds)) / rate_hz
    tones = np.stack([0.3 * np.sin(2 * np.pi * hz * times_s) for hz in (200, 700, 1900)], axis=1)
    packets = [encoded(tones[:, channel], rate_hz) for channel in range(3)]
    decoder = OpusDecoder(PATH, 3, rate_hz)
    decoded = np.concatenate([decoder.decode(joined(parts)) for parts in zip(*packets, strict=True)])
    for channel in range(3):
        # Each tone is in its channel alone: what it shares with the others is next to nothing.
        heard = np.abs(np.fft.rfft(decoded[2000:6000, channel] * np.hanning(4000)))
        assert np.argmax(heard) * rate_hz / 4000 == (200, 700, 1900)[channel]
        assert np.abs(decoded[2000:6000, channel]).max() == pytest.approx(0.3, rel=0.05)
    with pytest.raises(MediaError, match="a block of sound cannot be decoded"):
        decoder.decode(b"\xff")
    with pytest.raises(MediaError, match="44100 Hz, which is no rate of Opus"):
        OpusDecoder(PATH, 1, 44_100)


def test_a_reader_that_gives_the_bytes_of_a_packet_is_believed() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(3200) / 16_000)
    settings = {"audio_sample_rate": 16_000, "audio_channel_count": 1, "audio_format": 2, "audio_stereo_pair_count": 0}
    reader = SoundReader(PATH, settings, 231)
    blocks = [np.frombuffer(packet, np.uint8) for packet in encoded(tone, 16_000)]
    stamps = {"capture_timestamps_ns": list(range(320))}
    heard = [reader.read(SimpleNamespace(metadata_blocks=[stamps], audio_blocks=[block]))[1] for block in blocks]
    assert [samples.shape for samples in heard] == [(320, 1)] * 10
    assert np.abs(np.concatenate(heard)[1000:]).max() == pytest.approx(0.3, rel=0.05)
    with pytest.raises(MediaError, match="its sound is in Opus, channels in pairs; leave the sound out"):
        SoundReader(PATH, {**settings, "audio_stereo_pair_count": 1}, 231)


def encoded(tone: np.ndarray, rate_hz: int) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = rate_hz, "mono", "flt"
    encoder.options = {"application": "lowdelay", "frame_duration": "20", "b": "32000"}
    size = rate_hz // 50
    packets = []
    for start in range(0, len(tone), size):
        frame = av.AudioFrame.from_ndarray(tone[None, start : start + size].astype(np.float32), "flt", "mono")
        frame.sample_rate = rate_hz
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


def joined(parts: Sequence[bytes]) -> bytes:
    """Mono packets of one frame each as one: all but the last say their length (RFC 6716, appendix B)."""
    told = b""
    for part in parts[:-1]:
        assert part[0] & 3 == 0
        length = len(part) - 1
        coded = bytes([length]) if length < 252 else bytes([252 + length % 4, (length - 252 - length % 4) // 4])
        told += part[:1] + coded + part[1:]
    return told + parts[-1]


def test_pictures_in_h265_are_decoded_one_for_one_and_key_pictures_are_known() -> None:
    if "libx265" not in av.codec.codecs_available:
        pytest.skip("this FFmpeg does not encode H.265")
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.gop_size = 64, 64, "yuv420p", 3
    encoder.framerate, encoder.time_base = Fraction(10), Fraction(1, 10)
    encoder.options = {"tune": "zerolatency", "x265-params": "log-level=none:keyint=3:min-keyint=3:repeat-headers=1"}
    greys = (40, 80, 120, 160, 200)
    frames = [av.VideoFrame.from_ndarray(np.full((64, 64, 3), grey, np.uint8), "rgb24") for grey in greys]
    contents = [bytes(packet) for frame in [*frames, None] for packet in encoder.encode(frame)]
    assert [begins_anew(content) for content in contents] == [True, False, False, True, False]
    decoder = H265Decoder(PATH)
    assert [round(float(decoder.decode(content).mean())) for content in contents] == pytest.approx(list(greys), abs=2)
    with pytest.raises(MediaError, match="a picture "):
        H265Decoder(PATH).decode(contents[1])
    with pytest.raises(MediaError, match="a picture cannot be decoded"):
        decode_jpeg(PATH, b"\xff\xd8\xff")
