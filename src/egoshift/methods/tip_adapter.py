"""Tip-Adapter: zero-shot logits, plus the votes of training clips that look alike.

Paper: Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification", ECCV 2022 (arXiv
2207.09519). Released code: https://github.com/gaopengcuhk/Tip-Adapter/blob/fcb0605/main.py.

    logits[b, c] = scale * <v_b, unit(e_t[c])> + alpha * sum over cached clips k of class c of w[b, k]
    w[b, k]      = exp(-beta * (1 - <v_b, K_k>))

v_b is the unit video vector and K_k that of a training clip. Nothing is trained; in Tip-Adapter-F (``train_keys``) the
keys K are. alpha is the paper's residual ratio, what the votes weigh against the text; beta its sharpness ratio, how
fast a clip's vote falls with its distance. The first released code swapped the two names (its issue 4); in later code,
the paper and here they mean the same.

The votes are sums: with many cached clips, or many more of some classes than of others, they drown the text and favour
what was frequent. The paper's 16 clips or fewer of each class are ``shots``.

Deviations:
    - Keys. Released: the mean over 10 random crops of an image. Ours: one pass over the clips, frames at the bins'
      centres.
    - alpha, beta. Released: searched on validation data, from 1.17 and 1 on ImageNet. Ours: given; the defaults are the
      paper's 1 and 5.5.
    - Training of Tip-Adapter-F. Released: AdamW at 0.001 with cosine decay, and the epoch that is best on the test set
      (its issue 11). Ours: the training loop's optimiser and choice.
    - Several kinds of label share the keys; a clip votes for those that it is annotated with. Of each class of each
      kind at most ``shots`` clips vote, so a clip may be kept for its verb and not vote for its noun.
    - Another vocabulary. Paper: none. Ours: votes go to classes of the same name, those of other classes to nobody; a
      class that no clip votes for has its zero-shot logit.
    - Votes. Released: a product with a clips x classes matrix of ones and zeros. Ours: summed class by class, without
      that matrix; nothing is larger than batch x clips. On CUDA the order of the sum, so its last bit, may vary.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from egoshift.blocks.cosine import cosine_logits
from egoshift.blocks.streams import POOLINGS, choice, places, read_text, stream_names, trained_classes, video_vectors
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.records import Label

_WEIGHTS = {"alpha": 1.0, "beta": 5.5, "logit_scale": 100.0}
PRESETS_TIP_ADAPTER: Mapping[str, Mapping[str, object]] = {
    "paper": {"streams": ["full"], "pooling": "mean-of-unit", "shots": 16, "train_keys": False, **_WEIGHTS},
    "paper-f": {"streams": ["full"], "pooling": "mean-of-unit", "shots": 16, "train_keys": True, **_WEIGHTS},
}
"""All options but the width, the seed, and what ``TipAdapter.observe`` fills in."""

Vocabulary = tuple[str, ...] | int
"""The names of a kind of label's classes, or how many there are where no names are known."""


class TipAdapter(AbstractClassifier):
    """Zero-shot until it has observed clips; then these vote too. The defaults are the paper's, without a cap on clips.

    Args:
        text_dim: D, the width of the class text and of the streams.
        streams: The streams that are classified.
        pooling: How frames become one vector: ``"mean-of-unit"`` or ``"mean-of-raw"``.
        alpha: What the votes are multiplied by before they are added to the zero-shot logits.
        beta: How fast a cached clip's vote falls with one minus the cosine to it.
        shots: At most how many clips of each class vote; none keeps all.
        train_keys: Whether the cached vectors are trained (Tip-Adapter-F); they are not normalised again.
        cache_clips: How many clips are cached; set by ``observe``.
        classes: Per kind of label the class names that cached clips vote for, or their number where there are no names;
            set by ``observe``.
        seed: Of the choice of clips where ``shots`` leaves some out.
        logit_scale: What the cosines to the text are multiplied by.

    Raises:
        ConfigError: If an option is none of its choices or out of range, or there are cached clips without classes.
    """

    keys: Tensor

    def __init__(
        self,
        *,
        text_dim: int = 512,
        streams: Sequence[str] = ("full",),
        pooling: str = "mean-of-unit",
        alpha: float = 1.0,
        beta: float = 5.5,
        shots: int | None = None,
        train_keys: bool = False,
        cache_clips: int = 0,
        classes: Mapping[Label, Sequence[str] | int] | None = None,
        seed: int = 0,
        logit_scale: float = 100.0,
    ):
        super().__init__()
        if min(alpha, beta) < 0 or logit_scale <= 0 or (shots is not None and shots < 1):
            raise ConfigError(
                f"alpha is {alpha}, beta {beta}, logit_scale {logit_scale}, shots {shots}; give no negative weights, a "
                "scale above zero, and at least one shot or none for all clips"
            )
        self.vocabularies = _vocabularies(classes)
        if text_dim < 1 or cache_clips < 0 or (cache_clips and not self.vocabularies):
            raise ConfigError(
                f"text_dim is {text_dim}, cache_clips {cache_clips}, with classes of {list(self.vocabularies)}; give a "
                "width, and the classes of cached clips: TipAdapter.observe fills in both"
            )
        self.text_dim, self.required_streams = text_dim, stream_names("streams", streams)
        self.pooling = choice("pooling", pooling, tuple(POOLINGS))
        self.alpha, self.beta, self.logit_scale = float(alpha), float(beta), float(logit_scale)
        self.shots, self.seed, self.train_keys = shots, seed, train_keys
        if train_keys:
            self.keys = nn.Parameter(torch.zeros(cache_clips, text_dim))
        else:
            self.register_buffer("keys", torch.zeros(cache_clips, text_dim))
        for label in self.vocabularies:
            self.register_buffer(_values(label), torch.full((cache_clips,), -1))
        self.settings = {
            "text_dim": text_dim,
            "streams": list(streams),
            "pooling": pooling,
            "alpha": self.alpha,
            "beta": self.beta,
            "shots": shots,
            "train_keys": train_keys,
            "cache_clips": cache_clips,
            "classes": _listed(self.vocabularies),
            "seed": seed,
            "logit_scale": self.logit_scale,
        }

    def observe(self, clips: Iterable[StreamBatch], text: Mapping[Label, ClassText]) -> None:
        """Caches the training clips, in place of any cached before; clips without labels are left out.

        With ``train_keys`` the parameter is replaced: make the optimiser afterwards.

        Raises:
            ConfigError: If a class name is given twice, labels are missing or out of range, or a clip has no stream.
        """
        vocabularies = _vocabularies({label: words.names or len(words.vectors) for label, words in text.items()})
        vectors, targets = [], []
        with torch.no_grad():
            for batch in clips:
                vectors.append(video_vectors(batch, self.required_streams, self.pooling, self.text_dim))
                rows = [_targets(batch, label, len(words.vectors)) for label, words in text.items()]
                targets.append(torch.stack(rows))
        if not vectors:
            raise ConfigError("there are no training clips to cache; give at least one batch of clips")
        values_LN = torch.cat(targets, dim=1)
        if self.shots is not None:
            values_LN = values_LN.masked_fill(~_drawn(values_LN, self.shots, self.seed), -1)
        kept = (values_LN >= 0).any(0)
        for label in self.vocabularies:
            delattr(self, _values(label))
        self.vocabularies = vocabularies
        for label, values in zip(text, values_LN, strict=True):
            self.register_buffer(_values(label), values[kept].to(self.keys.device))
        keys = torch.cat(vectors)[kept].to(self.keys.device)
        self.keys = nn.Parameter(keys) if self.train_keys else keys
        self.settings = {**self.settings, "cache_clips": len(keys), "classes": _listed(vocabularies)}

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        A kind of label that no clips were cached for is scored zero-shot.

        Raises:
            ConfigError: If a stream is missing or of another width, or classes without names differ in number from
                those cached.
        """
        video = video_vectors(batch, self.required_streams, self.pooling, self.text_dim)
        weights = self._weights(video)
        logits = {}
        for label, words in text.items():
            logits[label] = cosine_logits(read_text(words, self.text_dim), video, self.logit_scale)
            if label in self.vocabularies:
                logits[label] = logits[label] + self.alpha * self._votes(weights, label, words)
        return logits

    def _weights(self, video: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch clips"]:
        """How much each cached clip's vote counts, in float32 also under autocast."""
        with torch.autocast(video.device.type, enabled=False):
            return (video @ self.keys.T).sub_(1).mul_(self.beta).exp_()

    def _votes(self, weights: Float[Tensor, "batch clips"], label: Label, words: ClassText) -> Float[Tensor, "batch _"]:
        vocabulary = self.vocabularies[label]
        count = vocabulary if isinstance(vocabulary, int) else len(vocabulary)
        # -1 becomes a last column, of clips that vote for nothing; zeros replace it, for classes not cached.
        values = self.get_buffer(_values(label)).remainder(count + 1)
        votes = weights.new_zeros(weights.shape[0], count + 1).index_add(1, values, weights)
        return functional.pad(votes[:, :count], (0, 1))[:, _columns(label, vocabulary, words).to(votes.device)]


def _values(label: Label) -> str:
    """The buffer of the cached clips' classes of a kind of label, -1 where a clip votes for none."""
    return f"values_{label}"


def _vocabularies(classes: Mapping[Label, Sequence[str] | int] | None) -> dict[Label, Vocabulary]:
    """The classes as tuples or counts; there must be some of each kind of label, and no name twice."""
    vocabularies: dict[Label, Vocabulary] = {}
    for label, given in (classes or {}).items():
        vocabularies[label] = given if isinstance(given, int) else trained_classes({label: given})[label]
        if isinstance(given, int) and given < 1:
            raise ConfigError(f"there are {given} {label} classes without names; give at least one")
    return vocabularies


def _listed(vocabularies: Mapping[Label, Vocabulary]) -> dict[Label, list[str] | int] | None:
    """The classes as ``TipAdapter`` takes them, in lists for JSON."""
    return {label: v if isinstance(v, int) else list(v) for label, v in vocabularies.items()} or None


def _targets(batch: StreamBatch, label: Label, count: int) -> Int[Tensor, " batch"]:
    if label not in batch.targets:
        raise ConfigError(f"the clips to cache have no {label} labels; leave {label} out or annotate them")
    targets = batch.targets[label]
    if len(targets) and int(targets.max()) >= count:
        raise ConfigError(
            f"a clip to cache is of {label} class {int(targets.max())}, there are {count}, counted from 0; "
            "give the class text that the labels were made with"
        )
    return targets


def _drawn(values_LN: Int[Tensor, "labels clips"], shots: int, seed: int) -> Bool[Tensor, "labels clips"]:
    """Which clip votes for which kind of label: the first ones of each class in one random order of the clips."""
    order = torch.randperm(values_LN.shape[1], generator=torch.Generator().manual_seed(seed)).to(values_LN.device)
    drawn = torch.zeros_like(values_LN, dtype=torch.bool)
    for row, values in enumerate(values_LN):
        for index in values[values >= 0].unique():
            of_class = order[values[order] == index]
            drawn[row, of_class[:shots]] = True
    return drawn


def _columns(label: Label, vocabulary: Vocabulary, words: ClassText) -> Int[Tensor, " classes"]:
    """For each class of the text its place among the cached classes, -1 where it is none of them."""
    if not isinstance(vocabulary, int) and words.names:
        return places(words.names, vocabulary)
    cached = vocabulary if isinstance(vocabulary, int) else len(vocabulary)
    if cached != len(words.vectors):
        raise ConfigError(
            f"{len(words.vectors)} {label} classes are to be scored, {cached} are cached, and without names on both "
            "sides they cannot be matched; give ClassText(vectors, names), as egoshift.class_text does"
        )
    return torch.arange(cached)
