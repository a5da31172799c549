"""Small programs that jobs run by their path: they take a second and no Luigi.

Some run in the environment of the orchestrator, some with the Python of the tools; the latter
import nothing of this package, for the environment of the tools need not have it.
"""

__all__: list[str] = []
