"""A file and a time in, pixels and hand boxes out."""
