"""Frozen models: pixels or prompts in, features out."""
