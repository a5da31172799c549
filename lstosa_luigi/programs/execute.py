"""The entry of all programs: ``python execute.py NAME ARGUMENTS``.

Run by its path, as :mod:`lstosa_luigi.execution.job`: importing the package takes Luigi along.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path


def main() -> int:
    """Execute a module of this folder; return its exit code."""
    package = types.ModuleType("lstosa_luigi")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["lstosa_luigi"] = package
    program = importlib.import_module(f"lstosa_luigi.programs.{sys.argv[1]}")
    return int(program.main(sys.argv[2:]))


if __name__ == "__main__":
    sys.path.pop(0)  # this folder must not come first on the path
    sys.exit(main())
