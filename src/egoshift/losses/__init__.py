"""Tensors in, a scalar out; pure functions."""

from egoshift.losses.alignment import Alignment, alignment_loss, other_moments
from egoshift.losses.classification import label_cross_entropy
from egoshift.losses.prototypes import class_prototypes, prototype_scores, prototypical_loss
from egoshift.losses.subsets import Modalities, draw_subset_pair, modality_subsets, subset_name, subset_pairs

__all__ = [
    "Alignment",
    "Modalities",
    "alignment_loss",
    "class_prototypes",
    "draw_subset_pair",
    "label_cross_entropy",
    "modality_subsets",
    "other_moments",
    "prototype_scores",
    "prototypical_loss",
    "subset_name",
    "subset_pairs",
]
