"""A trained model to share: on disk or on the Hugging Face hub, with the classes it was trained for."""

from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from huggingface_hub.errors import HFValidationError
from jaxtyping import Float
from pydantic import JsonValue
from torch import Tensor

from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import CheckpointError
from egoshift.evaluation.passes import batch_to, device_of, text_to
from egoshift.evaluation.predict import predict
from egoshift.features import AbstractFeatureSource
from egoshift.records import Label, Scores
from egoshift.training.checkpoint import FILES, load_checkpoint, save_checkpoint
from egoshift.training.report import FitReport


class TrainedModel(
    ModelHubMixin,
    library_name="egoshift",
    tags=["egocentric-video", "action-recognition"],
):
    """A fitted classifier with the class text it was fitted with.

    ``save_pretrained`` writes the folder that ``fit`` writes as a checkpoint, so ``from_pretrained`` reads both, and
    ids of the hub; nothing is ever unpickled.

    >>> model = TrainedModel.from_pretrained("runs/xmic-noun")  # doctest: +SKIP
    >>> model.logits({"full": features, "hand": hand_features})["noun"]  # doctest: +SKIP

    Args:
        classifier: What was fitted.
        text: The classes, per kind of label.
        text_encoder: The id of the encoder that made the class vectors; empty where unknown.
        num_frames: Frames per clip in training.
        fit: How it was fitted; None where it was not.
        provenance: Whatever else shall be known of its origin.
    """

    def __init__(
        self,
        classifier: AbstractClassifier,
        text: Mapping[Label, ClassText],
        *,
        text_encoder: str = "",
        num_frames: int = 16,
        fit: FitReport | None = None,
        provenance: Mapping[str, JsonValue] | None = None,
    ):
        self.classifier = classifier.eval()
        self.text = dict(text)
        self.text_encoder = text_encoder
        self.num_frames = num_frames
        self.fit = fit
        self.provenance = dict(provenance or {})

    @property
    def labels(self) -> tuple[Label, ...]:
        """The kinds of label it answers."""
        return tuple(self.text)

    def logits(
        self, streams: Mapping[str, Float[Tensor, "batch time _"]], text: Mapping[Label, ClassText] | None = None
    ) -> dict[Label, Tensor]:
        """Logits of clips given as tensors, on the CPU.

        Args:
            streams: Per stream name, ``(batch, time, dim)``.
            text: Other classes to choose among; none takes those trained with.
        """
        device = device_of(self.classifier)
        batch = batch_to(StreamBatch(streams), device)
        with torch.no_grad():
            logits = self.classifier(batch, text_to(self.text if text is None else text, device))
        return {label: values.cpu() for label, values in logits.items()}

    def scores(
        self, source: AbstractFeatureSource, text: Mapping[Label, ClassText] | None = None, batch_size: int = 256
    ) -> dict[Label, Scores]:
        """Scores of the labelled clips of a source; see ``egoshift.evaluation.predict``."""
        text = self.text if text is None else text
        return predict(self.classifier, source, text, num_frames=self.num_frames, batch_size=batch_size)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_checkpoint(
            save_directory,
            self.classifier,
            self.text,
            text_encoder=self.text_encoder,
            num_frames=self.num_frames,
            fit=self.fit,
            provenance=self.provenance,
        )

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        **model_kwargs: object,
    ) -> "TrainedModel":
        """Reads a trained model from a folder, or from the hub where there is no such folder.

        Args:
            pretrained_model_name_or_path: A folder, or an id of the hub such as ``"name/xmic-ego4d"``.
            force_download: Download even what is cached.
            token: For private models.
            cache_dir: Where downloads are kept.
            local_files_only: Use only what was downloaded before.
            revision: A branch, tag or commit of the hub.
            model_kwargs: None are known.

        Raises:
            CheckpointError: If there is no such model, or it is damaged.
        """
        assert not model_kwargs, f"from_pretrained does not know {sorted(model_kwargs)}"
        name, folder = str(pretrained_model_name_or_path), Path(pretrained_model_name_or_path)
        if not folder.is_dir():
            try:
                folder = Path(
                    snapshot_download(
                        name,
                        revision=revision,
                        cache_dir=cache_dir,
                        force_download=force_download,
                        token=token,
                        local_files_only=local_files_only,
                        allow_patterns=list(FILES),
                    )
                )
            except (OSError, HFValidationError) as error:  # the hub's own errors are OSErrors
                reason = str(error).strip().splitlines()[0]
                raise CheckpointError(
                    f"{name}: is neither a folder here nor a model of the hub that can be reached ({reason}); give the "
                    "checkpoint folder of a training"
                ) from None
        found = load_checkpoint(folder)
        config = found.config
        return cls(
            found.classifier,
            found.text,
            text_encoder=config.text_encoder,
            num_frames=config.num_frames,
            fit=config.fit,
            provenance=config.provenance,
        )
