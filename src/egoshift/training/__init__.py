"""One loop for every classifier: optimisers, early selection, checkpoints."""
