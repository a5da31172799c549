"""Small programs that jobs run by their path, with the Python of the tools.

They import nothing of this package: the environment of the tools need not have it.
"""

__all__: list[str] = []
