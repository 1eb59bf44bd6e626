"""Encode once, read many: extraction, the time-keyed store, batches. The only room that opens media."""
