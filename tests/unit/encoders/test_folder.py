"""Names to folders; whatever is missing or damaged is one line with its remedy."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from egoshift.encoders.folder import CONVERT, digest, fetch_command, licence, open_folder
from egoshift.errors import WeightsError


@pytest.fixture
def copy(tiny: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the tiny CLIP that a test may damage."""
    return Path(shutil.copytree(tiny["clip"], tmp_path / "copy"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def in_cache(cache: Path, hub_id: str, source: Path) -> Path:
    """Lays a folder into the cache as the Hub's client does."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("a" * 40, encoding="utf-8")
    return Path(shutil.copytree(source, repository / "snapshots" / ("a" * 40)))


def one_line(error: pytest.ExceptionInfo[WeightsError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_hub_id_that_is_not_in_the_cache_tells_the_command_that_fetches_it(cache: Path) -> None:
    with pytest.raises(WeightsError, match="not in the Hugging Face cache") as error:
        open_folder("openai/clip-vit-base-patch16")
    assert one_line(error).endswith(
        "fetch it with: hf download openai/clip-vit-base-patch16 "
        '--include "*.json" --include "*.txt" --include "README.md" --include "model*.safetensors"'
    )


def test_the_command_that_fetches_is_one_the_hub_client_understands() -> None:
    words = fetch_command("openai/clip-vit-base-patch16").replace('"', "").split()
    script = "import sys; from huggingface_hub.cli.hf import main; sys.argv = sys.argv[1:]; main()"
    done = subprocess.run([sys.executable, "-c", script, *words, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_hub_id_in_the_cache_is_found(cache: Path, tiny: dict[str, Path]) -> None:
    snapshot = in_cache(cache, "openai/tiny", tiny["clip"])
    found = open_folder("openai/tiny")
    assert found.path == snapshot
    assert found.id == "openai/tiny"
    assert found.config["model_type"] == "clip"


def test_a_half_fetched_model_tells_what_is_missing_and_the_command(cache: Path, tiny: dict[str, Path]) -> None:
    (in_cache(cache, "openai/tiny", tiny["clip"]) / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing.*hf download openai/tiny") as error:
        open_folder("openai/tiny")
    assert one_line(error).endswith("no safetensors: hf download openai/tiny pytorch_model.bin, then ask again)")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nowhere: there is no such folder or file; give one that exists") as error:
        open_folder(str(tmp_path / "nowhere"))
    one_line(error)


@pytest.mark.parametrize("name", ["-rf", "a/b/c", "../x y"])
def test_a_name_that_can_be_neither_is_refused_without_a_look_at_the_cache(name: str) -> None:
    with pytest.raises(WeightsError, match="there is no such folder"):
        open_folder(name)


def test_a_file_in_place_of_a_folder_is_refused(copy: Path) -> None:
    with pytest.raises(WeightsError, match="this is a file; give the folder"):
        open_folder(str(copy / "model.safetensors"))


def test_a_folder_without_configuration_names_the_file(copy: Path) -> None:
    (copy / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"config\.json is missing") as error:
        open_folder(str(copy))
    assert "hf download" not in one_line(error)  # a local folder is not fetched


def test_a_configuration_that_is_not_json_is_named(copy: Path) -> None:
    (copy / "config.json").write_text('{"model_type": ', encoding="utf-8")
    with pytest.raises(WeightsError, match=r"config\.json is not JSON"):
        open_folder(str(copy))
    (copy / "config.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"config\.json holds a list, not a JSON object"):
        open_folder(str(copy))


def test_a_folder_without_weights_names_the_file(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing, which holds the weights"):
        open_folder(str(copy))


@pytest.mark.parametrize("keep", [0, 4, 2000])
def test_weights_cut_short_are_named_with_their_size(copy: Path, keep: int) -> None:
    whole = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(whole[:keep] if keep < 2000 else whole[:-keep])
    with pytest.raises(WeightsError, match=r"\(\d+ bytes\) is not a whole safetensors file") as error:
        open_folder(str(copy))
    one_line(error)


def test_pickled_weights_are_refused_and_the_command_given_converts_them(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    weights["logit_scale"] = weights["logit_scale"].clone()
    torch.save(weights, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="holds pickled weights only") as error:
        open_folder(str(copy))
    command = one_line(error).split("convert them once with: ")[1]
    assert command == CONVERT.format(folder=copy)
    script = command.removeprefix('python -c "').removesuffix('"')
    subprocess.run([sys.executable, "-c", script], check=True)
    for key, value in load_file(open_folder(str(copy)).weights[0]).items():
        torch.testing.assert_close(value, weights[key], rtol=0, atol=0)


def shard(folder: Path) -> tuple[str, str]:
    """Splits a folder's weights over two files and an index."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    files = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    places = {key: files[i % 2] for i, key in enumerate(sorted(weights))}
    for file in files:
        save_file({k: v for k, v in weights.items() if places[k] == file}, folder / file, {"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    return files


def test_weights_in_several_files_are_found_and_a_missing_one_is_named(copy: Path) -> None:
    files = shard(copy)
    found = open_folder(str(copy))
    assert tuple(file.name for file in found.weights) == files
    (copy / files[1]).unlink()
    with pytest.raises(WeightsError, match=f"names weight files that are missing: {files[1]}"):
        open_folder(str(copy))


def test_the_digest_of_one_file_is_its_sha256_and_of_several_that_of_their_list(copy: Path) -> None:
    whole = copy / "model.safetensors"
    assert digest((whole,)) == hashlib.sha256(whole.read_bytes()).hexdigest()
    shard(copy)
    files = open_folder(str(copy)).weights
    lines = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files]
    assert digest(files) == hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize(
    ("readme", "expected"),
    [
        ("---\nlicense: mit\n---\n# A model\n", "mit"),
        ("---\nlicense: other\nlicense_name: apple-ascl\n---\n", "apple-ascl"),
        ("---\ntags: [x]\n---\nlicense: mit\n", "unknown"),
        ("---\nlicense: [unclosed\n---\n", "unknown"),
        ("# A model without front matter\n", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_licence_is_what_the_readme_states(tmp_path: Path, readme: str | None, expected: str) -> None:
    if readme is not None:
        (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    assert licence(tmp_path) == expected


def test_a_folder_of_open_clip_is_to_be_given_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(WeightsError, match="this is a folder of open_clip; give the file with the weights in it"):
        open_folder(str(tmp_path))


@pytest.mark.usefixtures("cache")
def test_a_name_much_like_a_shipped_one_tells_those() -> None:
    with pytest.raises(WeightsError, match="nor is it one of egoworld, egoworld-large, egoworld-dino"):
        open_folder("egoworld-xl")
