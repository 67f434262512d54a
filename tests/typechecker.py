"""The run-time type checker of the suite: beartype, with whole numbers allowed where decimals are."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
