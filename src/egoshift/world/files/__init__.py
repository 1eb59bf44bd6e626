"""The files of real data sets, written for generated ones: one module a layout."""
