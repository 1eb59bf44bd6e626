"""How a predictor is written: into a folder of its own, or to the hub."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError

from egoshift.encoders import sensor_of
from egoshift.errors import CheckpointError
from egoshift.files import plain, write_atomically
from egoshift.prediction.card import card_text
from egoshift.prediction.package import CARD_FILE, ENCODERS, PREDICTOR_FILE, Package, PackageConfig
from egoshift.recipes.execute import MODELS, RESULTS
from egoshift.sealed import sealed
from egoshift.training.checkpoint import CONFIG_FILE, FILES


def save_package(package: Package, folder: Path) -> None:
    """Writes a predictor's parts; an earlier predictor in the folder is replaced.

    Raises:
        CheckpointError: The folder holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"{folder}: is a file; give a folder to write the predictor into")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / PREDICTOR_FILE).is_file():
        raise CheckpointError(f"{folder}: holds something else than a predictor; give another folder")
    labels = ["+".join(model.labels) for model in package.models]
    for name, model in zip(labels, package.models, strict=True):
        model.save_pretrained(folder / MODELS / name)
        (folder / MODELS / name / CARD_FILE).unlink(missing_ok=True)  # the hub's own card, which says nothing
    streams, weights, placed = {}, dict(package.weights), dict[str, str]()
    for name, ref in package.streams.items():
        placed.setdefault(ref.encoder, _placed(ref.encoder, folder, set(placed.values())))
        streams[name] = ref.model_copy(update={"encoder": placed[ref.encoder]})
        if ref.encoder in weights:
            weights[placed[ref.encoder]] = weights.pop(ref.encoder)
    _keep_only(folder / MODELS, set(labels))
    _keep_only(folder / ENCODERS, {encoder.rpartition("/")[2] for encoder in placed.values()})
    shutil.rmtree(folder / RESULTS, ignore_errors=True)
    for number, result in enumerate(package.results):
        result.write(folder / RESULTS / f"{number:02d}-{plain(result.train)}-to-{plain(result.test)}.json")
    config = PackageConfig(
        name=package.name, labels=tuple(labels), streams=streams, templates=package.templates, weights=weights
    )
    write_atomically(folder / CARD_FILE, card_text(package.name, package.models, streams, package.results).encode())
    # Written last: a folder is either a whole predictor or none.
    write_atomically(folder / PREDICTOR_FILE, sealed(config.model_dump_json(indent=2) + "\n").encode())


def push_package(package: Package, repo_id: str, *, private: bool = False, token: str | None = None) -> str:
    """Writes a predictor to the Hugging Face hub, and gives its address.

    Raises:
        CheckpointError: The hub cannot be reached, or refuses.
    """
    api = HfApi(token=token)
    with TemporaryDirectory(prefix="egoshift-") as temporary:
        folder = Path(temporary) / "predictor"
        save_package(package, folder)
        try:
            address = api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=f"Upload {package.name}")
        except (OSError, HFValidationError) as error:
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(f"{repo_id}: cannot be written to the hub ({reason}); see `hf auth login`") from None
    return str(address)


def _placed(encoder: str, folder: Path, taken: set[str]) -> str:
    """An encoder as the folder's predictor names it; that of a sensor that was trained is copied into the folder."""
    sensor = sensor_of(encoder)
    place = Path(encoder.partition(":")[2]).expanduser()
    if sensor is None or not (place / CONFIG_FILE).is_file():
        return encoder
    own = place.name if place.resolve().parent == (folder / ENCODERS).resolve() else sensor
    names = (own, *(f"{sensor}-{number}" for number in range(2, len(taken) + 3)))
    target = next(name for name in names if f"{sensor}:{ENCODERS}/{name}" not in taken)
    (folder / ENCODERS / target).mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if (folder / ENCODERS / target / name).resolve() != (place / name).resolve():
            write_atomically(folder / ENCODERS / target / name, (place / name).read_bytes())
    return f"{sensor}:{ENCODERS}/{target}"


def _keep_only(folder: Path, names: set[str]) -> None:
    """Removes what an earlier predictor left."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
