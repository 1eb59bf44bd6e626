"""The small LaViLa: where its weights start from, what it sees, and that its file is one of LaViLa's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from egoshift.encoders import load_image_encoder, load_text_encoder
from egoshift.encoders.timesformer import SpaceTimeConfig, SpaceTimeTransformer
from egoshift.recipes.worlds.train_lavila import (
    FRAMES,
    Narrated,
    build_towers,
    draw_frames,
    rescale,
    save,
    space_weights,
    square,
    train,
)
from egoshift.world.pretraining.web import Subject


@pytest.fixture
def data() -> Narrated:
    views = torch.randint(
        256, (2, 200, FRAMES, 80, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    subjects = [Subject("onion", None, "cut"), Subject("cup", None, "wash")]
    return Narrated(views, tuple(subjects[row % 2] for row in range(200)))


def test_a_clip_of_one_frame_starts_as_clip_sees_it() -> None:
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    vision = sizes | {"image_size": 24, "patch_size": 8, "hidden_act": "quick_gelu"}
    clip = CLIPModel(CLIPConfig(vision_config=vision, text_config=sizes, projection_dim=16)).eval()
    tower = SpaceTimeTransformer(SpaceTimeConfig(24, 8, FRAMES, 64, 96, 2, 2, 16)).eval()
    found = tower.load_state_dict(space_weights(clip), strict=False)
    assert not found.unexpected_keys
    pixels = torch.randn(3, 3, 24, 24)
    expected = clip.visual_projection(clip.vision_model(pixel_values=pixels).pooler_output)
    # The norms of LaViLa's blocks have another epsilon.
    torch.testing.assert_close(tower(pixels).image_embeds, expected, rtol=1e-3, atol=1e-3)


def test_frames_of_a_clip_are_cut_and_lit_alike(data: Narrated) -> None:
    still = Narrated(data.views[:, :, :1].expand(-1, -1, FRAMES, -1, -1, -1), data.subjects)
    clips = draw_frames(still, torch.arange(8), FRAMES, torch.Generator().manual_seed(1))
    assert clips.shape == (8, FRAMES, 3, 72, 72)
    assert all(torch.equal(clips[:, 0], clips[:, frame]) for frame in range(1, FRAMES))
    again = draw_frames(still, torch.arange(8), FRAMES, torch.Generator().manual_seed(1))
    assert torch.equal(clips, again)


def test_pictures_are_square_and_keep_their_middle() -> None:
    wide = np.zeros((96, 128, 3), np.uint8)
    wide[:, 60:68] = 255
    cut = square(Image.fromarray(wide))
    assert cut.shape == (80, 80, 3)
    assert cut[:, 39:41].min() > 200
    assert square(Image.new("RGB", (5, 300))).shape == (80, 80, 3)


def test_what_is_trained_is_read_back_from_a_file_like_lavilas(tmp_path: Path, data: Narrated) -> None:
    torch.manual_seed(0)
    tower, clip, tokenizer = build_towers()
    before = tower.image_projection.detach().clone()
    assert train(tower, clip, tokenizer, data, steps=2, minutes=5) == 2
    assert not torch.equal(tower.image_projection, before)
    rescale(tower, clip, tokenizer, data)
    save(tower, clip, tmp_path, {"steps done": 2})
    assert "steps done: 2" in (tmp_path / "README.md").read_text()
    image = load_image_encoder(str(tmp_path / "lavila.pth"), precision="float32")
    text = load_text_encoder(str(tmp_path / "lavila.pth"))
    assert (image.card.family, image.card.activation, image.card.dim) == ("lavila", "quick_gelu", 128)
    pictures = data.views[0, :3, 0, :72, :72].permute(0, 3, 1, 2).contiguous()
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (image.card.mean, image.card.std))
    expected = tower((pictures.float() / 255 - mean) / std).image_embeds
    torch.testing.assert_close(image.encode(pictures), expected, rtol=0.02, atol=0.02)  # stored in half precision
    hidden = clip.text_model(**tokenizer(["onion"], return_tensors="pt")).pooler_output
    torch.testing.assert_close(text.encode(["onion"]), clip.text_projection(hidden), rtol=0.02, atol=0.02)
