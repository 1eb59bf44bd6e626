"""Recognise what the wearer of a camera is doing when something has shifted since training."""
