"""One model for every subset of the modalities: projections, fusion with modality dropout, a head.

Paper: Gong et al., "MMG-Ego4D: Multi-Modal Generalization in Egocentric Action Recognition", CVPR 2023 (arXiv
2305.07214): encoders of video, audio and IMU, a transformer that fuses what they give, modality dropout in its
training, so that one model serves every subset. Its fusion by attention beats one by an MLP. No more of the fusion is
published, so all else is an option with a default of ours:

    - Input. Ours: features of frozen encoders, stored; each modality is one stream. Paper: whether the encoders are
      trained further with the fusion is not said.
    - Projection. Ours: LayerNorm (``input_norm``) and a Linear to ``width``, 256, for each modality.
    - Tokens. Ours: all frames of a stream (``tokens="frames"``), or their mean as one token.
    - Fusion. Ours: two pre-norm blocks of 4 heads, modality embeddings, learned places in time, [CLS].
    - Missing modality. Ours: not attended to (``missing="mask"``), or a learned token; zeros before an MLP.
    - Modality dropout. Ours: each modality with probability 0.3, never all (``modules.drop_modalities``).
    - Embedding for the alignment loss. Ours: the fused vector of one modality, or its mean token before fusion
      (``Fusion.unimodal``), without or with a projection of its own (``projection_dim``).
    - Classes. Paper: a closed set. Ours: that (``head="linear"``), or any class names (``head="text"``).
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from egoshift.blocks.streams import mean_direction, mean_of_unit, read_stream
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.fusion.heads import LinearHead
from egoshift.fusion.inputs import ModalityInputs, refuse_empty
from egoshift.fusion.modules import Present, drop_modalities
from egoshift.fusion.options import build_fusion, build_head, build_projection, checked_options
from egoshift.losses.subsets import Modalities
from egoshift.records import Label

STAGES = ("fused", "input")
"""Which embedding of one modality: the fused vector of it alone, or its mean projected token before fusion."""


class Fusion(AbstractClassifier):
    """Whichever modalities a sample has, fused into one vector and classified.

    Parameters are drawn from torch's global generator, as every ``nn.Module``'s: seed it first to repeat a run. In
    training mode ``forward`` drops modalities, by the same generator; ``embed`` never does.

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
        projection_dim: int | None = None,
    ):
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        options = checked_options(given)
        self.settings = options
        self.modalities: Modalities = tuple(options["modalities"])
        self.required_streams = self.optional_streams = self.modalities
        self.classify_streams = tuple(options["classify_streams"])
        self.width, self.modality_dropout = width, options["modality_dropout"]
        whole = fusion == "attention" and tokens == "frames"
        self.inputs = ModalityInputs(options["modalities"], width, norm=input_norm, whole=whole)
        self.fusion, self.head = build_fusion(options), build_head(options)
        self.projection = build_projection(options)

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
        own = () if isinstance(self.head, LinearHead) else (self._own(batch, present),)
        logits: dict[Label, Tensor] = self.head(fused, text, *own)
        return logits

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
        wanted = {name for subset in subsets for name in subset}
        sequences = self.inputs(batch, wanted)
        embedded = {}
        for subset in subsets:
            present = self.inputs.presence(batch, subset)
            if not allow_empty:
                refuse_empty(present, subset)
            chosen = [
                tokens if name in subset else None for name, tokens in zip(self.modalities, sequences, strict=True)
            ]
            embedded[tuple(subset)] = self._fuse(chosen, present)
        return embedded

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

    def _own(self, batch: StreamBatch, present: Present) -> tuple[Tensor, Tensor] | None:
        """Unit vectors of the streams that lie in the text's space, and who has one."""
        numbers = [
            n for n, name in enumerate(self.modalities) if name in self.classify_streams and name in batch.streams
        ]
        if not numbers:
            return None
        vectors = [mean_of_unit(read_stream(batch, self.modalities[number])) for number in numbers]
        return mean_direction(vectors, present[:, numbers]), present[:, numbers].any(1)
