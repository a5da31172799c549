"""What a job array consists of, on disk: written before sbatch, read by elements and by clients.

The name of the array is the name of the file and of the job, so whoever sees the job in the queue
finds what it makes. Only the standard library is imported here: elements read it as they start.
"""

from __future__ import annotations

__all__ = ["SUFFIX", "Manifest", "element_log", "read_manifest", "write_manifest"]

import json
from pathlib import Path
from typing import Any, NamedTuple

from lstosa_luigi.execution.files import write_whole
from lstosa_luigi.execution.spec import Job

SCHEMA_VERSION = 1
SUFFIX = ".json"


class Manifest(NamedTuple):
    """A job array.

    Parameters
    ----------
    name : str
        Of the job.
    title : str
        What it makes, in words.
    written : float
        When, in seconds since the epoch.
    resources : dict
        What each element asks for.
    elements : dict
        Array index to the jobs of the element: the first, and those that follow it.
    tries : dict
        Name of a job to how often it had failed before.
    """

    name: str
    title: str
    written: float
    resources: dict[str, Any]
    elements: dict[int, list[Job]]
    tries: dict[str, int]


def write_manifest(directory: Path, manifest: Manifest) -> Path:
    """Write a manifest under the name of its array; what all its jobs share stands there once."""
    jobs = {
        index: [job.to_json() for job in element] for index, element in manifest.elements.items()
    }
    first = next(iter(jobs.values()))[0]
    every = [job for element in jobs.values() for job in element]
    shared = {key: value for key, value in first.items() if all(job[key] == value for job in every)}
    data = {
        "schema_version": SCHEMA_VERSION,
        **{key: getattr(manifest, key) for key in ("name", "title", "written", "resources")},
        "tries": manifest.tries,
        "shared": shared,
        "elements": {
            index: [{k: v for k, v in job.items() if k not in shared} for job in element]
            for index, element in jobs.items()
        },
    }
    path = directory / f"{manifest.name}{SUFFIX}"
    write_whole(path, json.dumps(data) + "\n")
    return path


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        If it is not there, or is none.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    return Manifest(
        name=data["name"],
        title=data["title"],
        written=data["written"],
        resources=data["resources"],
        elements={int(index): jobs_of(data, index) for index in data["elements"]},
        tries=data["tries"],
    )


def jobs_of(data: dict[str, Any], index: str) -> list[Job]:
    """Return the jobs of one element of a manifest that was read as JSON."""
    return [Job.from_json({**data["shared"], **job}) for job in data["elements"][index]]


def element_log(job: Job, element: object) -> str:
    """Return the log of a job in an element: ``<product>_<array>_<index>.log``."""
    return str(Path(job.log).with_name(f"{job.name}_{element}.log"))
