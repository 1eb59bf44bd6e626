import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from egoshift.encoders import load_image_encoder
from egoshift.world import dino_folder
from egoshift.world.pretraining import train_dino, web
from egoshift.world.pretraining.clip_scores import SIZE, Pictures
from egoshift.world.pretraining.dino_scores import encode, measure_neighbours, nearest_names, write_card
from egoshift.world.pretraining.train_clip import draw_part as draw_named
from egoshift.world.pretraining.train_dino import DIM, Learner, build_encoder, contrast, draw_part, train
from egoshift.world.pretraining.views import Cut, blurred, colour_matrix, cut_out, random_views
from egoshift.world.pretraining.web import draw_web_pair
from egoshift.world.script import write_script
from egoshift.world.style import KITCHEN_STYLE


def slow_contrast(first: torch.Tensor, second: torch.Tensor, temperature: float) -> float:
    """SimCLR's equation 1, one pair after the other."""
    both = torch.cat([first, second]).double().tolist()
    n, total = len(first), 0.0
    for i, vector in enumerate(both):
        cosines = {
            j: math.exp(sum(a * b for a, b in zip(vector, other, strict=True)) / temperature)
            for j, other in enumerate(both)
        }
        partner = (i + n) % (2 * n)
        total -= math.log(cosines[partner] / sum(value for j, value in cosines.items() if j != i))
    return total / (2 * n)


def test_the_contrast_is_simclrs() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (functional.normalize(torch.randn(6, 5, generator=generator), dim=-1) for _ in range(2))
    assert contrast(first, second, 0.3).item() == pytest.approx(slow_contrast(first, second, 0.3), rel=1e-5)
    assert contrast(second, first, 0.3).item() == pytest.approx(contrast(first, second, 0.3).item(), rel=1e-5)
    assert contrast(first, first, 0.1) < contrast(first, second, 0.1)


def test_a_pair_is_one_thing_on_two_grounds_and_has_no_name() -> None:
    pair = draw_web_pair(np.random.default_rng(3), 80, with_hands=False)
    assert isinstance(pair, np.ndarray)
    assert pair.shape == (2, 80, 80, 3)
    assert not np.array_equal(pair[0, 0, 0], pair[1, 0, 0])
    middles = [picture[25:55, 25:55].reshape(-1, 3).astype(int) for picture in pair]
    others = draw_web_pair(np.random.default_rng(5), 80, with_hands=False)[0, 25:55, 25:55].reshape(-1, 3).astype(int)

    def histogram(pixels: np.ndarray) -> np.ndarray:
        return np.histogramdd(pixels, bins=6, range=[(0, 256)] * 3)[0].ravel() / len(pixels)

    same = np.minimum(histogram(middles[0]), histogram(middles[1])).sum()
    assert same > np.minimum(histogram(middles[0]), histogram(others)).sum()


def test_drawing_pairs_does_not_depend_on_how_they_are_shared_out() -> None:
    whole = draw_part((9, 0, 4, True))
    np.testing.assert_array_equal(whole[2:], draw_part((9, 2, 4, True)))


def test_views_differ_are_in_range_and_repeat_with_the_seed() -> None:
    images = torch.from_numpy(draw_part((1, 0, 8, False))[:, 0])
    first, again = (random_views(images, Cut(36, (0.3, 1.0)), torch.Generator().manual_seed(4)) for _ in range(2))
    assert first.shape == (8, 3, 36, 36)
    assert first.min() >= 0
    assert first.max() <= 1
    torch.testing.assert_close(first, again)
    other = random_views(images, Cut(36, (0.3, 1.0)), torch.Generator().manual_seed(5))
    assert (first - other).abs().mean() > 0.01


def test_a_whole_cut_is_the_picture_or_its_mirror_image() -> None:
    pixels = torch.rand(16, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    seen = cut_out(pixels, Cut(20, (50.0, 50.0)), torch.Generator().manual_seed(0))
    kept = [torch.allclose(a, b, atol=1e-5) for a, b in zip(seen, pixels, strict=True)]
    mirrored = [torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(seen, pixels, strict=True)]
    assert all(a != b for a, b in zip(kept, mirrored, strict=True))
    assert 0 < sum(kept) < 16


def test_colours_turn_about_grey_and_blur_keeps_the_light() -> None:
    matrix = colour_matrix(torch.tensor([0.7, 2 * math.pi]), torch.tensor([1.0, 1.0]))
    torch.testing.assert_close(matrix @ torch.ones(3, 1), torch.ones(2, 3, 1))
    torch.testing.assert_close(matrix[1], torch.eye(3), atol=1e-5, rtol=0)
    without = colour_matrix(torch.tensor([0.3]), torch.tensor([0.0]))[0]
    torch.testing.assert_close(without[0], without[1])
    flat = torch.full((4, 3, 9, 9), 0.4)
    torch.testing.assert_close(blurred(flat, torch.Generator().manual_seed(0)), flat)


def test_neighbours_vote_by_how_near_they_are() -> None:
    bank = functional.normalize(torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9], [0.2, 0.9]]), dim=-1)
    names = ("cup", "cup", "pan", "pan", "pan")
    asked = functional.normalize(torch.tensor([[1.0, 0.05], [0.0, 1.0]]), dim=-1)
    assert nearest_names(bank, names, asked, k=5) == ["cup", "pan"]


def test_training_repeats_with_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_dino, "BATCH_SIZE", 8)
    pairs = torch.from_numpy(draw_part((2, 0, 12, False)))

    def trained() -> Learner:
        learner = Learner(build_encoder(0))
        assert train(learner, [pairs], steps=2, minutes=5, seed=0) == 2
        return learner

    for ours, theirs in zip(trained().parameters(), trained().parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_card_has_both_columns(tmp_path: Path) -> None:
    write_card(tmp_path, {"seed": 3}, {"noun top-1, there": 61.25}, {"raw pixels": {"noun top-1, there": 4.0}})
    text = (tmp_path / "README.md").read_text()
    assert "- seed: 3" in text
    assert "|  | trained | raw pixels |\n| --- | --- | --- |\n| noun top-1, there | 61.2 | 4.0 |" in text


def test_the_shipped_folder_is_small_and_its_features_tell_pictures_apart() -> None:
    assert sum(path.stat().st_size for path in dino_folder().iterdir()) <= 8 * 2**20
    assert "no egocentric frame" in (dino_folder() / "README.md").read_text()
    assert json.loads((dino_folder() / "config.json").read_text())["model_type"] == "dinov2"
    encoder = load_image_encoder("egoworld-dino", precision="float32")
    pairs = draw_part((77, 0, 30, False))
    images = torch.stack([encoder.prepare(picture) for side in (0, 1) for picture in pairs[:, side]])
    features = functional.normalize(encoder.encode(images).float(), dim=-1)
    nearest = (features[:30] @ features[30:].T).argmax(1)
    assert (nearest == torch.arange(30)).float().mean() > 0.5


def test_a_cut_shows_the_stated_share_of_a_picture_and_half_are_mirrored() -> None:
    across = torch.linspace(0.5 / 80, 1 - 0.5 / 80, 80)
    position = torch.stack([across.expand(80, 80), across[:, None].expand(80, 80), torch.zeros(80, 80)])
    views = cut_out(position.expand(200, 3, 80, 80), Cut(40, (0.25, 0.5)), torch.Generator().manual_seed(0))
    wide = (views[:, 0, 20, 39] - views[:, 0, 20, 0]) * 40 / 39
    high = (views[:, 1, 39, 20] - views[:, 1, 0, 20]) * 40 / 39
    area, proportion = wide.abs() * high, wide.abs() / high
    assert 0.24 < area.min() < 0.28
    assert 0.46 < area.max() < 0.51
    assert proportion.min() > 0.73
    assert proportion.max() < 1.37
    assert 70 < int((wide < 0).sum()) < 130


def test_no_name_gets_into_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a caption was read")

    monkeypatch.setattr(web, "captions", refuse)
    monkeypatch.setattr(train_dino, "BATCH_SIZE", 4)
    sets = [torch.from_numpy(draw_part((0, 0, 3, with_hands))) for with_hands in (False, True)]
    # Bare pixels are all that is drawn, and all that training can be given.
    assert {(part.dtype, part.shape) for part in sets} == {(torch.uint8, (3, 2, 80, 80, 3))}
    assert train(Learner(build_encoder(0)), sets, steps=2, minutes=5, seed=0) == 2


def test_two_steps_change_every_weight_that_features_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_dino, "BATCH_SIZE", 16)
    learner, before = Learner(build_encoder(0)), dict(build_encoder(0).named_parameters())
    train(learner, [torch.from_numpy(draw_part((0, 0, 32, False)))], steps=2, minutes=5, seed=0)
    after = dict(learner.encoder.named_parameters())
    assert {name for name in before if torch.equal(before[name], after[name])} <= {"embeddings.mask_token"}
    assert all(weight.isfinite().all() for weight in after.values())


def test_training_ends_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_dino, "BATCH_SIZE", 4)
    pairs = torch.from_numpy(draw_part((0, 0, 4, False)))
    assert train(Learner(build_encoder(0)), [pairs], steps=10**6, minutes=1 / 60, seed=0) < 1000


def test_neighbours_vote_as_in_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    bank, asked = (functional.normalize(torch.randn(n, 5, generator=generator), dim=1) for n in (30, 8))
    names = ["cup", "pan", "lid"] * 10
    expected = []
    for row in asked.numpy():
        cosines = sorted((float(row @ other), name) for other, name in zip(bank.numpy(), names, strict=True))[-7:]
        votes = {name: sum(math.exp(c / 0.07) for c, n in cosines if n == name) for name in sorted(set(names))}
        expected.append(max(votes, key=lambda name: votes[name]))
    assert nearest_names(bank, names, asked, k=7) == expected


def test_a_saved_folder_gives_the_features_that_were_saved(tmp_path: Path) -> None:
    encoder = build_encoder(0).eval()
    train_dino.save(encoder, tmp_path)
    loaded = load_image_encoder(str(tmp_path), precision="float32")
    assert (loaded.card.family, loaded.card.dim, loaded.card.size) == ("dinov2", DIM, SIZE)
    frame = np.random.default_rng(0).integers(0, 256, (144, 256, 3), dtype=np.uint8)
    features = loaded.encode(loaded.prepare(frame)[None])
    assert features.shape == (1, DIM)
    assert features.isfinite().all()
    ours = encode(encoder.float(), [Image.fromarray(frame)])
    assert functional.cosine_similarity(features, ours).item() > 0.999


def test_scores_are_given_for_each_kind_of_picture_and_name() -> None:
    named = [pictures(seed, 12, with_hands=hands) for seed in (1, 2) for hands in (False, True)]
    scripts = [
        write_script(f"P0{person}", f"P0{person}", split, KITCHEN_STYLE, 12.0, (0, person, person))
        for person, split in ((1, "train"), (2, "val"))
    ]
    scores = measure_neighbours(build_encoder(0).eval(), named[:2], named[2:], scripts)
    assert set(scores) == {
        "noun top-1, third-person objects",
        "noun top-1, third-person actions",
        "verb top-1, third-person actions",
        *(f"{kind} top-1, kitchen {view}" for kind in ("noun", "verb") for view in ("full frames", "hand crops")),
    }
    itself = measure_neighbours(build_encoder(0).eval(), named[:2], named[:2], scripts)
    assert itself["noun top-1, third-person objects"] > scores["noun top-1, third-person objects"]


def pictures(seed: int, count: int, *, with_hands: bool) -> Pictures:
    images, subjects = draw_named((seed, 0, count, with_hands))
    return Pictures(torch.from_numpy(images), tuple(subjects), with_hands)
