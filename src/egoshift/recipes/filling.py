"""A data set's feature stores are filled: which views of what by which encoder, on which device."""

from collections.abc import Callable, Sequence

from egoshift.datasets import DataCard, load_dataset
from egoshift.encoders import load_image_encoder, sensor_of
from egoshift.encoders.card import Runtime
from egoshift.encoders.precision import Precision, name_device
from egoshift.errors import ConfigError
from egoshift.features import ExtractProgress, ExtractReport, FramePlan, View, Workers, extract, extract_sensor
from egoshift.features.check import open_locator
from egoshift.features.layout import MANIFEST
from egoshift.recipes.sensor_encoders import load_signal_tower
from egoshift.recipes.stores import store_folder
from egoshift.remote import work_on
from egoshift.space import need_space


def fill_store(
    card: DataCard,
    encoder: str,
    *,
    views: Sequence[View] | None = None,
    plan: FramePlan | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    runtime: Runtime = "torch",
    batch_size: int = 16,
    progress: Callable[[ExtractProgress], None] | None = None,
    workers: Workers | None = None,
    wait: bool = False,
) -> ExtractReport:
    """Encode what the clips of a data card need into its store; resumable, and a repeated call does nothing.

    A store in an object store is filled here and published when it is whole.

    Args:
        card: The data set.
        encoder: As for ``load_image_encoder``, or as for ``load_signal_tower``.
        views: By default full frames, and hand crops where the card names hand detections; sensors have none.
        plan: Which times; by default a grid of 4 frames, or of 2 windows of a sensor, a second.
        device: ``auto``, ``cpu``, ``cuda`` …
        precision: See ``load_image_encoder``; encoders of sensors run in float32.
        runtime: See ``load_image_encoder``; encoders of sensors run by torch.
        batch_size: Images, or windows, per call of the encoder.
        progress: Called after every batch.
        workers: Processes to encode in; none: this one.
        wait: Whether to wait while another process writes this store.

    Raises:
        ConfigError: Hand crops without detections in the card; views, another precision or another runtime of an
            encoder of a sensor; no such workers or runtime; a disk that is full or read-only.
    """
    sensor, out = sensor_of(encoder), store_folder(card, encoder)
    need_space(out, 0, "features")  # how much is known later; whether anything can be written, before weights are read
    if sensor is not None:
        _check_sensor(encoder, sensor, views, precision, runtime)
        tower = load_signal_tower(encoder, device=name_device(device))
        with work_on(out, (MANIFEST,)):
            return extract_sensor(
                load_dataset(card),
                tower,
                out,
                plan=plan,
                batch_size=batch_size,
                progress=progress,
                workers=workers,
                wait=wait,
            )
    wanted: tuple[View, ...] = ("full",) if card.hands is None else ("full", "hand")
    wanted = wanted if views is None else tuple(views)
    if "hand" in wanted and card.hands is None:
        raise ConfigError(
            f"{card.name}: hand crops need detections; add hands and hands_format to the data card, or use --views full"
        )
    dataset = load_dataset(card)
    opened = "cpu" if device == "auto" and runtime != "torch" else name_device(device)
    with work_on(out, (MANIFEST,)):
        return extract(
            dataset,
            load_image_encoder(encoder, device=opened, precision=precision, runtime=runtime),
            out,
            plan=plan,
            views=wanted,
            locator=open_locator(card, dataset) if "hand" in wanted else None,
            batch_size=batch_size,
            progress=progress,
            workers=workers,
            wait=wait,
        )


def _check_sensor(
    encoder: str, sensor: str, views: Sequence[View] | None, precision: Precision, runtime: Runtime
) -> None:
    if views is not None:
        raise ConfigError(f"views are of frames, {encoder} encodes windows of {sensor}; leave --views out")
    if precision not in ("auto", "float32"):
        raise ConfigError(f"encoders of sensors run in float32, not in {precision}; leave --precision out")
    if runtime != "torch":
        raise ConfigError(f"encoders of sensors run by torch, not by {runtime}; leave --runtime out")
