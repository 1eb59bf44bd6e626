"""Tensors in, a scalar out; pure functions."""
