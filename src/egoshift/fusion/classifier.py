"""One model for every subset of the modalities: projections, fusion with modality dropout, a head.

Paper: Gong et al., "MMG-Ego4D: Multi-Modal Generalization in Egocentric Action Recognition", CVPR 2023 (arXiv
2305.07214): encoders of video, audio and IMU, a transformer that fuses what they give, modality dropout in its
training, so that one model serves every subset. Its fusion by attention beats one by an MLP. No more of the fusion is
published, so all else is an option with a default of ours:

    - Input. Ours: each modality is one stream, features of frozen encoders that were stored, or (``encoders``) windows
      of the sensor's own signal, with an encoder that is trained with the fusion. Which of them the paper does is not
      said.
    - Projection. Ours: LayerNorm (``input_norm``) and a Linear to ``width``, 256, for each modality.
    - Tokens. Ours: all frames of a stream (``tokens="frames"``), or their mean as one token.
    - Fusion. Ours: two pre-norm blocks of 4 heads, modality embeddings, learned places in time, [CLS].
    - Missing modality. Ours: not attended to (``missing="mask"``), or a learned token; zeros before an MLP.
    - Modality dropout. Ours: each modality with probability 0.3, never all (``modules.drop_modalities``).
    - Embedding for the alignment loss. Ours: the fused vector of one modality, or its mean token before fusion
      (``Fusion.unimodal``), without or with a projection of its own (``projection_dim``).
    - Classes. Paper: a closed set. Ours: that (``head="linear"``), or any class names (``head="text"``).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from egoshift.blocks.streams import mean_direction, mean_of_unit, read_stream
from egoshift.classifier import AbstractSubsetClassifier, ClassText, StreamBatch, SubsetScores
from egoshift.encoders import SignalEncoder
from egoshift.errors import ConfigError
from egoshift.fusion.inputs import ModalityInputs, refuse_empty
from egoshift.fusion.modules import Present, drop_modalities
from egoshift.fusion.options import build_encoders, build_fusion, build_head, build_projection, checked_options
from egoshift.losses.subsets import Modalities
from egoshift.records import Label

STAGES = ("fused", "input")
"""Which embedding of one modality: the fused vector of it alone, or its mean projected token before fusion."""


class Fusion(AbstractSubsetClassifier):
    """Whichever modalities a sample has, fused into one vector and classified.

    Parameters are drawn from torch's global generator, as every ``nn.Module``'s: seed it first to repeat a run. In
    training mode ``forward`` drops modalities, by the same generator; nothing else does.

    Args:
        modalities: The streams, each a modality of its own, and the width of each; their order does not matter. A batch
            may lack any of them, for some samples or altogether, but every sample needs one.
        fusion: ``"attention"`` or ``"mlp"``.
        width: Of the projected features and of the fused vector.
        num_layers: Transformer blocks, or hidden layers of the MLP.
        num_heads: Attention heads of a block.
        mlp_ratio: Width inside the blocks' MLPs, or of the hidden layers, as a multiple of ``width``.
        input_norm: Of each frame before its projection: ``"layer"`` (a LayerNorm), ``"unit"`` (length 1) or ``"none"``.
        tokens: ``"frames"`` or ``"mean"``, what attention reads of a stream; the MLP always reads the mean.
        position: ``"learned"`` or ``"none"``; for frames alone.
        num_frames: Frames that the position embedding is made for; another number of them is interpolated.
        pooling: ``"cls"`` or ``"mean"``, what attention gives.
        missing: What stands for a missing modality: ``"mask"`` or ``"token"`` with attention, ``"zeros"``, ``"token"``
            or ``"mean"`` with an MLP; none takes the first.
        modality_dropout: The probability of each modality to be dropped in training.
        head: ``"linear"`` (see ``LinearHead``) or ``"text"`` (see ``TextHead``).
        classes: Per kind of label the class names to train a linear head for; none makes one that can say so and
            otherwise embed.
        text_dim: Width of the class text, for a text head.
        text_rule: ``"compare"`` or ``"shift"``: whether the fused vector is compared with class text or moves it.
        classify_streams: With ``"shift"``, modalities that lie in the text's space and are compared with it where
            present.
        alpha: What the shift is multiplied by.
        logit_scale: What a text head's cosines are multiplied by, at first where it is trained.
        train_logit_scale: Whether the logarithm of the scale is trained.
        temperature: tau of the alignment loss, at first where it is trained.
        train_temperature: Whether the logarithm of tau is trained.
        encoders: Per modality whose stream is the sensor's own signal, the arguments of its encoder
            (``fusion.sensors.make_signal_encoder``): ``preset``, ``options``, ``rate_hz``, ``centred``, ``weights``;
            and ``sensor`` where that is not the modality's name. It is trained with the fusion, and its statistics are
            those of the training clips.
        projection_dim: Width of ``project``, a layer between two Linears that the alignment loss alone trains; none has
            no such layer.

    Raises:
        ConfigError: If an option is none of its choices, does not fit another one, or widths do not divide.
    """

    def __init__(
        self,
        *,
        modalities: Mapping[str, int],
        fusion: str = "attention",
        width: int = 256,
        num_layers: int = 2,
        num_heads: int = 4,
        mlp_ratio: float = 4.0,
        input_norm: str = "layer",
        tokens: str = "frames",
        position: str = "learned",
        num_frames: int = 16,
        pooling: str = "cls",
        missing: str | None = None,
        modality_dropout: float = 0.3,
        head: str = "linear",
        classes: Mapping[Label, Sequence[str]] | None = None,
        text_dim: int = 512,
        text_rule: str = "compare",
        classify_streams: Sequence[str] = (),
        alpha: float = 1.0,
        logit_scale: float = 100.0,
        train_logit_scale: bool = False,
        temperature: float = 0.07,
        train_temperature: bool = False,
        encoders: Mapping[str, Mapping[str, Any]] | None = None,
        projection_dim: int | None = None,
    ):
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        options = checked_options(given)
        self.settings = options
        self.modalities: Modalities = tuple(options["modalities"])
        self.required_streams = self.optional_streams = self.modalities
        self.classify_streams = tuple(options["classify_streams"])
        self.width, self.modality_dropout, self.tau = width, options["modality_dropout"], options["temperature"]
        whole = fusion == "attention" and tokens == "frames"
        self.inputs = ModalityInputs(
            options["modalities"], width, norm=input_norm, whole=whole, encoders=build_encoders(options)
        )
        self.fusion, self.head = build_fusion(options), build_head(options)
        self.projection = build_projection(options)
        started = torch.tensor(math.log(options["temperature"]))
        self.log_temperature = nn.Parameter(started) if train_temperature else None

    def observe(self, clips: Iterable[StreamBatch], text: Mapping[Label, ClassText]) -> None:
        """Takes the statistics of signals from the training clips, of each sensor once."""
        del text
        encoders = {name: encoder for name, encoder in self.signal_encoders.items() if not bool(encoder.observed)}
        if not encoders:
            return
        windows: dict[str, list[Tensor]] = {name: [] for name in encoders}
        for batch in clips:
            for name in encoders.keys() & batch.streams.keys():
                windows[name].append(batch.streams[name])
        for name, encoder in encoders.items():
            encoder.observe(windows[name])

    @property
    def signal_encoders(self) -> dict[str, SignalEncoder]:
        """The encoders that are trained with the fusion, by modality."""
        return {name: cast(SignalEncoder, encoder) for name, encoder in self.inputs.encoders.items()}

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        Raises:
            ConfigError: If a sample has none of the modalities, a stream is of another width, or the head cannot score
                the classes.
        """
        present = self.inputs.presence(batch, self.modalities)
        refuse_empty(present, self.modalities)
        if self.training and self.modality_dropout:
            present = drop_modalities(present, self.modality_dropout)
        fused = self._fuse(self.inputs(batch, self.modalities), present)
        return self._logits(fused, text, self._own(batch), present)

    def embed(
        self, batch: StreamBatch, subset: Sequence[str] | None = None, *, allow_empty: bool = False
    ) -> Float[Tensor, "batch width"]:
        """The fused vector of each sample from some of the modalities, those of them that it has.

        Args:
            batch: The samples.
            subset: Names of modalities; none takes all.
            allow_empty: Whether a sample may have none of them: its vector is then zero, with a gradient of zero.

        Raises:
            ConfigError: If a name is no modality, a stream is of another width, or a sample has none of the subset.
        """
        chosen = self.modalities if subset is None else tuple(subset)
        return self.embed_subsets(batch, [chosen], allow_empty=allow_empty)[chosen]

    def embed_subsets(
        self, batch: StreamBatch, subsets: Sequence[Modalities], *, allow_empty: bool = False
    ) -> dict[Modalities, Float[Tensor, "batch width"]]:
        """``embed`` for several subsets, each stream read and projected once; see there."""
        return {subset: fused for subset, _, fused in self._by_subset(batch, subsets, allow_empty)}

    def score_subsets(
        self,
        batch: StreamBatch,
        text: Mapping[Label, ClassText],
        subsets: Sequence[Modalities],
        *,
        allow_empty: bool = False,
    ) -> dict[Modalities, SubsetScores]:
        """``embed`` and ``forward`` for several subsets, each stream read and projected once.

        See ``AbstractSubsetClassifier.score_subsets``.
        """
        own = self._own(batch)
        return {
            subset: SubsetScores(fused, self._logits(fused, text, own, present))
            for subset, present, fused in self._by_subset(batch, subsets, allow_empty)
        }

    def unimodal(self, batch: StreamBatch, stage: str = "fused") -> dict[str, Float[Tensor, "batch width"]]:
        """Per modality the embedding of it alone, zero for samples without it: what the alignment loss compares.

        Raises:
            ConfigError: If the stage is none of ``STAGES``, or a stream is of another width.
        """
        if stage not in STAGES:
            raise ConfigError(f"stage is {stage!r}; give one of {', '.join(map(repr, STAGES))}")
        if stage == "fused":
            embedded = self.embed_subsets(batch, [(name,) for name in self.modalities], allow_empty=True)
            return {name: embedded[name,] for name in self.modalities}
        present = self.inputs.presence(batch, self.modalities)
        nothing = present.new_zeros(len(present), self.width, dtype=torch.float32)
        sequences = self.inputs(batch, self.modalities)
        return {
            name: nothing if tokens is None else tokens.mean(1).float().masked_fill(~present[:, [number]], 0.0)
            for number, (name, tokens) in enumerate(zip(self.modalities, sequences, strict=True))
        }

    def presence(self, batch: StreamBatch, subset: Sequence[str] | None = None) -> Bool[Tensor, " batch"]:
        """Which samples have at least one modality of a subset; none takes all modalities."""
        return self.inputs.presence(batch, self.modalities if subset is None else subset).any(1)

    @property
    def temperature(self) -> Tensor | float:
        """Tau of the alignment loss; a tensor with a gradient where it is trained."""
        if self.log_temperature is None:
            return float(self.tau)
        return self.log_temperature.exp()

    def project(self, embeddings: Float[Tensor, "batch width"]) -> Float[Tensor, "batch _"]:
        """Embeddings as the alignment loss sees them: through the projection, or as they are where there is none."""
        projected: Tensor = self.projection(embeddings)
        return projected.float()

    def _fuse(self, sequences: Sequence[Tensor | None], present: Present) -> Float[Tensor, "batch width"]:
        """The fused vectors in float32, zero for samples without any modality."""
        if all(tokens is None for tokens in sequences):
            return present.new_zeros(len(present), self.width, dtype=torch.float32)
        some = present.any(1, keepdim=True)
        # A sample without any runs through as if it had all (of zeros): its result is replaced.
        fused: Tensor = self.fusion(sequences, present | ~some)
        return fused.float().masked_fill(~some, 0.0)

    def _by_subset(
        self, batch: StreamBatch, subsets: Sequence[Modalities], allow_empty: bool
    ) -> Iterator[tuple[Modalities, Present, Float[Tensor, "batch width"]]]:
        """Each subset, who has which modality of it, and the fused vectors."""
        sequences = self.inputs(batch, {name for subset in subsets for name in subset})
        for subset in subsets:
            present = self.inputs.presence(batch, subset)
            if not allow_empty:
                refuse_empty(present, subset)
            chosen = [
                tokens if name in subset else None for name, tokens in zip(self.modalities, sequences, strict=True)
            ]
            yield tuple(subset), present, self._fuse(chosen, present)

    def _own(self, batch: StreamBatch) -> dict[int, Tensor]:
        """Unit vectors of the streams that lie in the text's space, by the modality's number."""
        return {
            number: mean_of_unit(read_stream(batch, name))
            for number, name in enumerate(self.modalities)
            if name in self.classify_streams and name in batch.streams
        }

    def _logits(
        self, fused: Tensor, text: Mapping[Label, ClassText], own: Mapping[int, Tensor], present: Present
    ) -> dict[Label, Tensor]:
        """What the head makes of fused vectors, and of the vectors in the text's space that samples have."""
        numbers = list(own)
        here = present[:, numbers]
        logits: dict[Label, Tensor] = (
            self.head(fused, text, (mean_direction(list(own.values()), here), here.any(1)))
            if numbers
            else self.head(fused, text)
        )
        return logits
