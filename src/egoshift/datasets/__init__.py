"""Annotation files in, one table of clips out."""
