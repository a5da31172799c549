"""The program that a job is: ``python job.py``, with a :class:`Job` as JSON on standard input.

Run by its path, not as a module: importing ``lstosa_luigi`` registers all tasks
and takes Luigi along, which a job has no use for.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import types
from pathlib import Path


def main() -> int:
    """Run one job; exit code 0 if its product is there, 1 if not, 143 if cancelled.

    Why a job failed is printed: with a full disk no file could tell.

    The one argument, if given, is the process without which the job shall not live.
    """
    package = types.ModuleType("lstosa_luigi")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["lstosa_luigi"] = package
    from lstosa_luigi.execution import payload
    from lstosa_luigi.execution.spec import Job

    if len(sys.argv) > 1:
        payload.die_with_parent(signal.SIGTERM)
        if os.getppid() != int(sys.argv[1]):  # it went before it could be watched
            return 128 + signal.SIGTERM
    record = payload.run(Job.from_json(json.load(sys.stdin)))
    if record is None or record.is_over:
        return 0
    was_executed = record.exit_code is not None or record.signal is not None
    told = {
        "cause": record.cause,
        "was_executed": was_executed,
        "may_pass": not record.is_permanent,
    }
    print(json.dumps(told))
    return 128 + signal.SIGTERM if record.state == "cancelled" else 1


if __name__ == "__main__":
    # the folder of this script must not come first on the path: it has a spec.py, a files.py ...
    sys.path.pop(0)
    sys.exit(main())
