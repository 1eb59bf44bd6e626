"""Tensors in, a scalar out; pure functions."""

from egoshift.losses.classification import label_cross_entropy

__all__ = ["label_cross_entropy"]
