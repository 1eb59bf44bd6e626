"""A trained model with all that it takes to use it on a recording: encoders, streams, text, temperature."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from egoshift.classifier import ClassText
from egoshift.encoders.precision import Precision, name_device, open_device
from egoshift.errors import ConfigError, DataError
from egoshift.evaluation.passes import score_batches
from egoshift.prediction.asked import STRIDES_A_WINDOW, Asked
from egoshift.prediction.assembly import Judged, assemble, chosen_words, spans_within
from egoshift.prediction.features import Features, Hands, OnPredict, sensor_read
from egoshift.prediction.gather import gather
from egoshift.prediction.package import Package, load_package
from egoshift.prediction.packing import push_package, save_package
from egoshift.prediction.recording import Recording, open_recording
from egoshift.prediction.scan import cache_of, default_cache
from egoshift.prediction.segments import Probabilities, Spans, smoothed, steps_of, windows_of
from egoshift.prediction.timeline import Prediction
from egoshift.prediction.towers import Towers
from egoshift.prediction.words import Words
from egoshift.records import Label, SensorLayout
from egoshift.training import TrainedModel

DEFAULT_WINDOW_S, WINDOW_SHARE = 2.0, 0.75
"""How long a window is where the model does not say how long its training clips were, and of these else."""


class Predictor:
    """Recognises actions in recordings.

    >>> Predictor.from_pretrained("runs/xmic").predict("video.mp4", nouns=["cup", "knife"])  # doctest: +SKIP

    Args:
        package: The models and where their streams come from.
        device: Where encoders and models run: ``auto``, ``cpu``, ``cuda`` …
        precision: What image encoders compute in.
    """

    def __init__(self, package: Package, *, device: str = "auto", precision: Precision = "auto"):
        self.package = package
        chosen = name_device(device)
        self.device = str(open_device(chosen))
        self.towers = Towers(self.device, precision, package.weights)
        for model in package.models:
            model.classifier.to(self.device)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path,
        *,
        encoder: str | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        revision: str | None = None,
        token: str | bool | None = None,
    ) -> "Predictor":
        """A predictor from a run's folder, one of its models, a folder that ``save_pretrained`` wrote, or the hub.

        Args:
            name_or_path: The folder, or an id of the hub such as ``"name/xmic-ego4d"``.
            encoder: Where the weights of its image and text encoder lie here, if not where they lay in training.
            device: ``auto``, ``cpu``, ``cuda`` …
            precision: What image encoders compute in.
            revision: A branch, tag or commit of the hub.
            token: For private models of the hub.

        Raises:
            CheckpointError: There is none, it is damaged, or it does not say what its features were made by.
        """
        package = load_package(name_or_path, revision=revision, token=token)
        package = package if encoder is None else package.with_encoder(encoder)
        return cls(package, device=device, precision=precision)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes the models, the encoders of sensors that they need, their results and a model card."""
        save_package(self.package, Path(folder))

    def push_to_hub(self, repo_id: str, *, private: bool = False, token: str | None = None) -> str:
        """Writes the same to the Hugging Face hub, and gives its address."""
        return push_package(self.package, repo_id, private=private, token=token)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.package.name

    @property
    def labels(self) -> tuple[Label, ...]:
        """The kinds of label its models answer; actions that follow from verbs and nouns are not among them."""
        return tuple(label for model in self.package.models for label in model.labels)

    @property
    def classes(self) -> dict[Label, tuple[str, ...]]:
        """Per kind of label the classes it was trained with."""
        return {label: text.names for model in self.package.models for label, text in model.text.items()}

    @property
    def open_vocabulary(self) -> bool:
        """Whether other classes can be asked for than those it was trained with."""
        return all(model.text_encoder for model in self.package.models)

    @property
    def sensors(self) -> tuple[str, ...]:
        """The sensors that it reads: ``"video"``, ``"audio"``, ``"imu"``."""
        return tuple(dict.fromkeys(sensor_read(ref) for ref in self.package.streams.values()))

    @property
    def window_s(self) -> float:
        """Three quarters of the length of the clips that it was trained on, in the median, but 0.5 to 30 seconds.

        A window as long as a clip mostly shows two actions.
        """
        lengths = [model.fit.clip_s for model in self.package.models if model.fit is not None and model.fit.clip_s]
        return float(np.clip(WINDOW_SHARE * min(lengths), 0.5, 30.0)) if lengths else DEFAULT_WINDOW_S

    def predict(
        self,
        video: str | Path,
        *,
        asked: Asked | None = None,
        sensors: Mapping[str, Path] | None = None,
        without: Collection[str] = (),
        hands: Path | None = None,
        hands_format: str | None = None,
        imu_layout: SensorLayout = "ego4d",
        frame_rate_hz: float | None = None,
        cache: Path | None = None,
        progress: OnPredict | None = None,
        stop: Callable[[], bool] | None = None,
        **fields: Any,
    ) -> Prediction:
        """A timeline of what the wearer of the camera does.

        Every step of ``stride_s`` is judged by the window around it, answers are averaged over ``smoothing_s``, and
        neighbours in which the same class leads become one segment. Confidences are softmax probabilities at the
        temperature fitted on held-out source videos, where the model has one. Actions follow from verbs and nouns, as
        if these were independent given the recording, unless the model was trained for actions.

        Args:
            video: A video or sound file, or a folder of numbered frames.
            asked: Classes, windows, threshold; none takes the model's own.
            sensors: Files of sensors that lie elsewhere, by sensor; by default those in the file and beside it.
            without: Sensors to do as if they were not there.
            hands: Hand detections, or a palm detector's model; without any, hand crops are whole frames.
            hands_format: How those are laid out; see ``egoshift.media.HAND_LOCATORS``.
            imu_layout: How the table of the IMU is laid out.
            frame_rate_hz: Of a folder of numbered frames.
            cache: Where features are kept; by default in the user's cache.
            progress: Called after every batch.
            stop: Asked after every batch; True ends the work, and what is done so far is given, marked partial.
            fields: The fields of ``Asked`` instead of ``asked``, such as ``nouns=["cup", "knife"]``.

        Raises:
            MediaError: The recording cannot be read.
            ConfigError: What is asked for does not fit the model.
        """
        if asked is not None and fields:
            raise ConfigError(f"predict is given asked and {', '.join(fields)}; give asked, or its fields")
        wanted = asked or Asked.of(fields)
        self.words(wanted)  # before hours are spent
        recording = open_recording(
            Path(video), sensors, tuple(without), imu_layout=imu_layout, frame_rate_hz=frame_rate_hz
        )
        features = self.features(
            recording, Hands(hands, hands_format), cache=cache or default_cache(), progress=progress, stop=stop
        )
        return self.timeline(features, wanted)

    def words(self, asked: Asked) -> dict[Label, Words]:
        """The classes of each kind of label to choose among.

        Raises:
            ConfigError: Classes of a kind that no model answers, or other classes of a model with fixed ones.
        """
        given = asked.names(self.labels, self.name)
        return {
            label: chosen_words(self.name, label, model, given.get(label), asked.synonyms)
            for model in self.package.models
            for label in model.labels
        }

    def features(
        self,
        recording: Recording,
        hands: Hands | None = None,
        *,
        cache: Path | None = None,
        progress: OnPredict | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Features:
        """All streams of a recording that its sensors allow, encoded or from the cache.

        Args:
            recording: Which.
            hands: Where its hands were seen.
            cache: Where features are kept; none keeps none.
            progress: Called after every batch.
            stop: Asked after every batch.

        Raises:
            MediaError: A sensor that the model needs cannot be read.
            ConfigError: A sensor that the model needs is not there.
        """
        classifiers = [model.classifier for model in self.package.models]
        with cache_of(recording, cache) as folder:
            found = gather(
                recording,
                self.package.streams,
                classifiers,
                self.towers,
                folder,
                hands=hands or Hands(),
                progress=progress,
                stop=stop,
            )
            return found.in_memory() if cache is None else found  # the folder is gone after this

    def probabilities(
        self, features: Features, windows: Spans, words: Mapping[Label, Words]
    ) -> dict[Label, Probabilities]:
        """Per kind of label and window the probability of each class; NaN where a window could not be read."""
        given: dict[Label, Probabilities] = {}
        for model in self.package.models:
            text = {label: self.class_text(model, label, words[label]) for label in model.labels}
            for label in model.labels:
                given[label] = np.full((len(windows), len(words[label].names)), np.nan, np.float32)
            try:
                source, rows = features.source(model.classifier, windows)
            except (ConfigError, DataError):
                if features.stopped:
                    continue  # what it reads had not been encoded yet
                raise
            windows_read = torch.from_numpy(rows)

            def take(places: Tensor, logits: Mapping[Label, Tensor], read: Tensor = windows_read) -> None:
                # Kept as probabilities batch by batch: of many classes, logits would take several times as much.
                for label, values in logits.items():
                    given[label][read[places].numpy()] = self.confidences(label, values.cpu(), words[label])

            every = torch.arange(len(source))
            score_batches(model.classifier, source, text, every, take, num_frames=model.num_frames)
        return given

    def timeline(self, features: Features, asked: Asked | None = None) -> Prediction:
        """Features become segments.

        Args:
            features: Of a recording.
            asked: What the timeline shall be about.

        Raises:
            ConfigError: What is asked for does not fit the model.
            DataError: A segment lies outside of the recording, or nothing of the recording can be read.
        """
        asked, recording = asked or Asked(), features.recording
        words = self.words(asked)
        window_s = min(asked.window_s or self.window_s, recording.duration_s)
        stride_s = min(asked.stride_s or window_s / STRIDES_A_WINDOW, recording.duration_s)
        if asked.segments is None:
            steps = steps_of(recording.duration_s, stride_s)
            given = self.probabilities(features, windows_of(steps, window_s, recording.duration_s), words)
            width = asked.smoothing_steps(window_s, stride_s)
            given = {label: smoothed(values, width) for label, values in given.items()}
        else:
            steps = spans_within(asked.segments, recording)
            given = self.probabilities(features, steps, words)
        names = {label: words[label].names for label in given}
        return assemble(
            features,
            asked,
            Judged(steps, given, names, window_s, stride_s),
            model=self.name,
            calibrated={label for label in self.labels if self.temperature(label) is not None},
        )

    def temperature(self, label: Label) -> float | None:
        """What logits of a kind of label are divided by; None where no temperature was fitted."""
        for model in self.package.models:
            if label in model.text and model.fit is not None and label in model.fit.calibration:
                return model.fit.calibration[label].temperature
        return None

    def confidences(self, label: Label, logits: Float[Tensor, "windows spoken"], words: Words) -> Probabilities:
        """Probabilities of the classes, by the fitted temperature; of a class the sum of those of all its names."""
        softmax = (logits / (self.temperature(label) or 1.0)).softmax(1)
        classes = torch.zeros(len(softmax), len(words.names)).index_add_(1, torch.tensor(words.canonical), softmax)
        values: Probabilities = classes.clamp(0, 1).numpy()
        return values

    def class_text(self, model: TrainedModel, label: Label, words: Words) -> ClassText:
        """The names of classes, synonyms too, as a model's text encoder sees them."""
        own = model.text[label]
        if own.names == words.spoken:
            return own
        return self.towers.words(model.text_encoder, words.spoken, self.package.templates)
