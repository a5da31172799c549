"""``python .../lstosa_luigi/simulation/__main__.py``: simulate a night in the lstchain environment.

That environment need not have luigi, which the package's own ``__init__`` imports. So the package
is put in place by hand, without running its ``__init__``, before the room is imported.
"""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Sequence
from pathlib import Path

# One thread for linear algebra: the simulation has processes of its own.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

if "lstosa_luigi" not in sys.modules:
    _package = types.ModuleType("lstosa_luigi")
    _package.__path__ = [str(Path(__file__).resolve().parent.parent)]
    sys.modules["lstosa_luigi"] = _package

from lstosa_luigi.simulation.options import NightOptions, parse  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate a night and return the exit code: 0, 1 if it cannot be, 2 for bad options."""
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        return _simulate(options)
    except ImportError as error:
        return _fail(f"this needs the lstchain environment: {error}")
    except OSError as error:
        return _fail(f"cannot write the night: {error}")
    except KeyboardInterrupt:
        return _fail("stopped; the same command starts the night again")


def _simulate(options: NightOptions) -> int:
    """Simulate with what the help can do without: astropy and numpy, and lstchain later on."""
    from lstosa_luigi.simulation.night import simulate
    from lstosa_luigi.simulation.record import RefusedError
    from lstosa_luigi.simulation.sky import NoSourceError

    try:
        simulate(options)
    except (RefusedError, NoSourceError) as error:
        return _fail(str(error))
    return 0


def _fail(message: str) -> int:
    print(f"lstosa simulate-night: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
