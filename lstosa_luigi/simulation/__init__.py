"""Nights of raw data that the unmodified lstchain reads, for demonstration and tests.

`options` is the command line (standard library only). The rest needs the lstchain environment and
is started there as ``python .../lstosa_luigi/simulation/__main__.py``. Nothing is imported here.
"""
