"""One file a paper: features and class text in, logits out."""
