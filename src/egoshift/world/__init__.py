"""The generated data, and the small encoder trained on it."""
