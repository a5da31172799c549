"""What the telescope-control database says of a run: when it was taken, and on what.

``lst1_obs_summary.camera`` has a document a run (``run_number``, ``tstart`` and ``tstop`` in Unix
seconds), ``lst1_obs_summary.telescope`` one an observation (``tstart``, ``tstop``, and the target
in ``data.structure[0].target``), as lstosa and lstchain ask them.
"""

from __future__ import annotations

__all__ = ["run_time", "source_of"]

import math
from typing import Any

from lstosa_luigi.observation.catalog import Source
from lstosa_luigi.observation.choice import Choice
from lstosa_luigi.observation.targets import RunTime

DATABASE = "lst1_obs_summary"
NO_NAMES = ("", "desconocido", "unknown", "n/a", "none")
"""What stands for a name where nobody gave one."""


def run_time(client: Any, run: int) -> RunTime | None:
    """Return when a run was taken; None if the database does not say.

    Parameters
    ----------
    client : pymongo.MongoClient
        Of the telescope-control database.
    run : int
        Run number.
    """
    found = client[DATABASE]["camera"].find_one({"run_number": run})
    if found is None:
        return None
    start, stop = _number(found.get("tstart")), _number(found.get("tstop"))
    return None if start is None or stop is None else RunTime(start, stop)


def source_of(client: Any, time: RunTime | None) -> Choice[Source]:
    """Return the target of the observation that a run belongs to.

    As in lstosa, of those observations that overlap with the run the latest counts; unlike there, a
    target without a name or a place is none.

    Parameters
    ----------
    client : pymongo.MongoClient
        Of the telescope-control database.
    time : RunTime or None
        When the run was taken, by :func:`run_time`.
    """
    if time is None:
        return Choice(None, "it has no start and end of the run")
    overlap = {"tstart": {"$lte": time.end}, "tstop": {"$gte": time.start}}
    found = list(client[DATABASE]["telescope"].find(overlap, sort=[("tstart", -1)]))
    if not found:
        return Choice(None, f"it has no observation from {time}")
    targets = [_target(document) for document in found]
    source = _source(targets[0])
    candidates = tuple(dict.fromkeys(s for s in map(_source, targets) if s is not None))
    if source is None:
        reason = f"the observation from {time} has no target with a name, source_ra and source_dec"
        return Choice(None, f"{reason} but {targets[0]}", candidates)
    others = [other.name for other in candidates if other != source]
    reason = f"target of the observation from {time}"
    if others:
        reason += f"; the latest of {len(found)}, the others of {', '.join(others)}"
    return Choice(source, reason, candidates)


def _target(document: dict[str, Any]) -> dict[str, Any]:
    """Return what ``data.structure[0].target`` holds; nothing if it is not there."""
    structure = (document.get("data") or {}).get("structure") or [{}]
    target = (structure[0] or {}).get("target")
    return target if isinstance(target, dict) else {}


def _source(target: dict[str, Any]) -> Source | None:
    name = str(target.get("name") or "").strip()
    ra, dec = _number(target.get("source_ra")), _number(target.get("source_dec"))
    if name.lower() in NO_NAMES or ra is None or dec is None or abs(dec) > 90:
        return None
    return Source(name, ra, dec)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
