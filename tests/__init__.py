"""The tests, and the type checker that runs inside the package meanwhile: as for mypy, an int is a float."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
