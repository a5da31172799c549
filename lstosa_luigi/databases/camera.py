"""What the camera-control database (CaCo) says of a run: the filter wheels it was taken with."""

from __future__ import annotations

__all__ = ["filters_of"]

import datetime
from typing import Any

from lstosa_luigi.observation.choice import Choice

NEW_NAMES = datetime.datetime(2022, 12, 4, tzinfo=datetime.timezone.utc)
"""From then on the wheels have other names (``lstchain.onsite.find_filter_wheels``)."""
OLD_WHEELS = ("wheel1 position", "wheel2 position")
WHEELS = ("CBOX_WheelPosition1", "CBOX_WheelPosition2")


def filters_of(client: Any, run: int) -> Choice[str]:
    """Return the filter wheels of a run, a digit each, as ``lstchain.onsite.find_filter_wheels``.

    ``CACO.RUN_INFORMATION`` has a document a run: ``run_number``, ``start_time``, and the
    positions of the wheels in ``cbox``. Where a run has several, the last one counts.

    Parameters
    ----------
    client : pymongo.MongoClient
        Of the camera-control database.
    run : int
        Run number.
    """
    found = list(client["CACO"]["RUN_INFORMATION"].find({"run_number": run}))
    if not found:
        return Choice(None, "it has no entry of the run")
    names = OLD_WHEELS if _time(found[-1].get("start_time")) < NEW_NAMES else WHEELS
    box = found[-1].get("cbox")
    try:
        first, second = (int(box[name]) for name in names)
    except (KeyError, TypeError, ValueError):  # an entry may say 'Not available'
        return Choice(None, f"its entry of the run has no {names[0]} and {names[1]}")
    return Choice(f"{first:d}{second:d}", f"{names[0]} {first}, {names[1]} {second}")


def _time(value: Any) -> datetime.datetime:
    """Return a time, which is UTC unless it says otherwise; a run of no known time is a new one."""
    try:
        moment = (
            value
            if isinstance(value, datetime.datetime)
            else datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        )
    except ValueError:
        return NEW_NAMES
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
