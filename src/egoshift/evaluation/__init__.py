"""A classifier and data in, numbers out; never trains."""
