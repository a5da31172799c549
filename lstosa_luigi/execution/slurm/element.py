"""The program that an element of a job array is: ``python -I -S element.py MANIFEST PACKAGES``.

Run by its path, for the same reason as the program of a local job: importing
``lstosa_luigi`` would register all tasks. PACKAGES is where others are found that
are needed seldom: setting them up costs more than all the rest of the start.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import types
from pathlib import Path
from typing import Any


def main() -> int:
    """Make the products of one element; exit code 0 if they are there, 1 if not.

    What follows a product is only made if the product is.
    """
    sys.path.append(sys.argv[2])
    package = types.ModuleType("lstosa_luigi")
    package.__path__ = [str(Path(__file__).resolve().parents[2])]
    sys.modules["lstosa_luigi"] = package
    from lstosa_luigi.execution import payload
    from lstosa_luigi.execution.slurm.manifest import element_log, jobs_of

    index = os.environ["SLURM_ARRAY_TASK_ID"]
    element = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{index}"
    data: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    jobs = [job._replace(log=element_log(job, element)) for job in jobs_of(data, index)]
    _name_log(jobs[0].log)
    asked = data["resources"]
    place = payload.Place(element, asked["mem_mb"], asked["cpus"])
    for job in jobs:
        record = payload.run(job, place)
        if record is not None and not record.is_over:
            print(f"{record.title}: {record.cause}", flush=True)
            return 1
    return 0


def _name_log(name: str) -> None:
    """Give the file that Slurm writes to the name of the product's log.

    Slurm's patterns know no products, and it goes on writing into the file whatever its name.
    """
    with contextlib.suppress(OSError):
        now = Path("/proc/self/fd/1").readlink()
        if now.parent == Path(name).parent and now.suffix == ".log":
            now.rename(name)


if __name__ == "__main__":
    # the folder of this script must not come first on the path: it has a parse.py, a script.py ...
    sys.path.pop(0)
    sys.exit(main())
