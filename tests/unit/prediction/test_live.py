"""Live use: every picture at the rate, answers as a slow recomputation gives them, and a stream that breaks."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from egoshift.encoders import load_image_encoder
from egoshift.errors import ConfigError, MediaError
from egoshift.prediction import Asked, Predictor
from egoshift.prediction.live import Live, LiveSource
from tests.fixtures.trained_runs import NOUNS, TEMPERATURES, VERBS, picture
from tests.fixtures.videos import read_index, write_audio, write_video

PICTURES_HZ = 8


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds in which the pictures change every second."""
    frames = [picture(k // 8 % 3, k // 8 % 4, k % 8) for k in range(4 * PICTURES_HZ)]
    return write_video(tmp_path_factory.mktemp("live") / "walk.mkv", frames, PICTURES_HZ, gop=4, b_frames=0)


def wanted(rate_hz: float, count: int, pictures_hz: float) -> list[int]:
    """One picture after the other: the first that is shown at or after each tick."""
    shown, tick = [], 0
    for index in range(count):
        if index / pictures_hz >= tick / rate_hz - 1e-6:
            shown.append(index)
            while tick / rate_hz <= index / pictures_hz + 1e-6:
                tick += 1
    return shown


@pytest.mark.parametrize("rate_hz", [1.0, 4.0, 7.0, 100.0])
@pytest.mark.parametrize("start_s", [0.0, 5.0])
def test_every_picture_at_the_rate_comes(tmp_path: Path, rate_hz: float, start_s: float):
    path = write_video(tmp_path / "walk.mkv", 40, 10, start_s=start_s)
    reads = list(LiveSource(str(path), rate_hz=rate_hz))
    indices = wanted(rate_hz, 40, 10)
    assert [read_index(read.picture) for read in reads] == indices
    np.testing.assert_allclose([read.time_s for read in reads], [index / 10 for index in indices], atol=2e-3)


def test_a_pipe_gives_every_picture(tmp_path: Path):
    path = write_video(tmp_path / "walk.mkv", 40, 10)
    program = (
        "from egoshift.prediction.live import LiveSource\n"
        "from tests.fixtures.videos import read_index\n"
        "print([read_index(read.picture) for read in LiveSource('-', rate_hz=5)])\n"
    )
    with path.open("rb") as file:
        answer = subprocess.run([sys.executable, "-c", program], stdin=file, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(list(range(0, 40, 2)))
    assert answer.stderr == ""


def test_answers_are_those_of_a_slow_recomputation(predictor: Predictor, pictures: Path, stream: Path):
    asked = Asked(window_s=1.0, stride_s=0.5, top_k=4, nouns=("cup", "ladle", "pot"), synonyms={"mug": "cup"})
    answers = list(Live(predictor, asked).run(LiveSource(str(stream))))
    assert [answer.time_s for answer in answers] == pytest.approx([0.5 * k for k in range(8)], abs=2e-3)
    assert all(answer.latency_s > 0 for answer in answers)
    assert all(answer.dropped == 0 for answer in answers)

    tower = load_image_encoder(str(pictures / "clip"))
    reads = list(LiveSource(str(stream)))
    features = [tower.encode(tower.prepare(read.picture)[None])[0].float() for read in reads]
    smooth: dict[str, np.ndarray] = {}
    for answer in answers:
        now_s = answer.time_s
        inside = [k for k, read in enumerate(reads) if now_s - 1.0 <= read.time_s <= now_s]
        first_s = reads[inside[0]].time_s
        length_s = max(now_s - first_s, 1e-3)
        for model in predictor.package.models:
            (label,) = model.labels
            chosen = []
            for number in range(model.num_frames):
                middle_s = first_s + (number + 0.5) / model.num_frames * length_s
                chosen.append(min(inside, key=lambda k: (abs(reads[k].time_s - middle_s), k)))
            spoken = VERBS if label == "verb" else ("cup", "ladle", "pot", "mug")
            text = predictor.towers.words(model.text_encoder, spoken, ("{}",))
            logits = model.logits({"full": torch.stack([features[k] for k in chosen])[None]}, {label: text})[label][0]
            values = (logits / TEMPERATURES[label]).softmax(0).numpy()
            if label == "noun":
                values = np.array([values[0] + values[3], values[1], values[2]])
            smooth[label] = values if label not in smooth else 0.5 * smooth[label] + 0.5 * values
            names = VERBS if label == "verb" else ("cup", "ladle", "pot")
            guesses = answer.guesses[label]
            assert [guess.name for guess in guesses] == [names[k] for k in np.argsort(-smooth[label], kind="stable")]
            expected = sorted(smooth[label].tolist(), reverse=True)
            assert [guess.confidence for guess in guesses] == pytest.approx(expected, abs=1e-4)


def test_a_camera_drops_what_nobody_waits_for_and_counts_it(tmp_path: Path):
    path = write_video(tmp_path / "walk.mkv", 60, 10)
    source = LiveSource(str(path), rate_hz=10, keep=False)
    shown = []
    for read in source:
        shown.append(read_index(read.picture))
        if len(shown) == 1:
            time.sleep(1.0)  # the reader is through long before
    assert source.dropped > 0
    assert len(shown) + source.dropped == 60
    assert shown[-1] == 59, "the newest stays"
    kept = LiveSource(str(path), rate_hz=10, keep=True)
    assert len(list(kept)) == 60
    assert kept.dropped == 0


def test_closing_ends_the_reading(tmp_path: Path):
    path = write_video(tmp_path / "walk.mkv", 200, 10)
    source = LiveSource(str(path), rate_hz=10)
    next(iter(source))
    source.close()
    assert len(list(source)) <= 6, "no more than what was waiting, and no waiting for more"


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "sound", "camera"])
def test_what_is_no_stream_is_one_line(tmp_path: Path, kind: str):
    path = tmp_path / "walk.mkv"
    if kind == "text":
        path.write_text("no stream at all")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "sound":
        write_audio(path, 1.0)
    with pytest.raises(MediaError) as error:
        LiveSource("77" if kind == "camera" else str(path))
    assert "\n" not in str(error.value)
    assert ("camera 77" if kind == "camera" else str(path)) in str(error.value)


def test_a_stream_that_breaks_off_gives_what_came_and_then_one_line(tmp_path: Path):
    path = write_video(tmp_path / "walk.mkv", 100, 10, gop=5)
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    noise = np.random.default_rng(0).integers(0, 256, len(content) - half, dtype=np.uint8)
    path.write_bytes(bytes(content[:half]) + noise.tobytes())
    came, said = [], None
    try:
        came += [read_index(read.picture) for read in LiveSource(str(path), rate_hz=10)]
    except MediaError as error:
        said = str(error)
    # FFmpeg may find nothing more in the noise, or a frame that is none.
    assert said is None or ("the stream broke off" in said and "\n" not in said)
    assert len(came) == 0 or came[:30] == list(range(30))
    damaged = write_video(tmp_path / "damaged.ts", 100, 10, gop=5, b_frames=0)
    content = bytearray(damaged.read_bytes())
    # Cut short in the middle is the end of the stream, as when a sender is switched off.
    damaged.write_bytes(bytes(content[: len(content) // 2]))
    assert len(list(LiveSource(str(damaged), rate_hz=10))) >= 30


def test_a_size_that_changes_within_a_stream_is_no_fault(predictor: Predictor, tmp_path: Path):
    first = write_video(tmp_path / "a.ts", 10, 10, b_frames=0)
    second = write_video(tmp_path / "b.ts", [np.zeros((32, 48, 3), np.uint8)] * 10, 10, start_s=1.0, b_frames=0)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    sizes = {read.picture.shape for read in LiveSource(str(both), rate_hz=10)}
    assert (64, 96, 3) in sizes
    assert list(Live(predictor, Asked(stride_s=0.5)).run(LiveSource(str(both))))


def test_models_that_pictures_alone_do_not_serve_are_refused(fusions: Path):
    fused = Predictor.from_pretrained(fusions / "stored")
    assert Live(fused).window_s == fused.window_s
    with pytest.raises(ConfigError, match="mmg_audio needs audio, and live use reads pictures alone"):
        Live(Predictor.from_pretrained(fusions / "mmg_audio"))


def test_a_fusion_is_asked_with_pictures_alone(fusions: Path, stream: Path):
    for name in ("stored", "signals", "text"):
        predictor = Predictor.from_pretrained(fusions / name)
        answers = list(Live(predictor, Asked(stride_s=1.0)).run(LiveSource(str(stream))))
        assert len(answers) == 4
        assert {guess.name for guess in answers[0].guesses["action"]} <= set(predictor.classes["action"])


def test_names_are_those_of_the_model(predictor: Predictor, stream: Path):
    (first, *_) = Live(predictor).run(LiveSource(str(stream)))
    assert {guess.name for guess in first.guesses["noun"]} == set(NOUNS)
    with pytest.raises(ConfigError, match="at least one name"):
        Live(predictor, Asked(nouns=()))
