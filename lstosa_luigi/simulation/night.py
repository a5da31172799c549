"""A whole night: what is there already, what may be replaced, what is still to be written.

Light on purpose: whoever asks again for a night that is there need not wait for lstchain.
"""

from __future__ import annotations

__all__ = ["simulate"]

import time

from lstosa_luigi.simulation.options import NightOptions
from lstosa_luigi.simulation.record import Record
from lstosa_luigi.simulation.schedule import run_length
from lstosa_luigi.simulation.sky import NightPlan, plan_night, stay_offline


def simulate(options: NightOptions) -> None:
    """Write the night unless it is there already.

    Raises
    ------
    lstosa_luigi.simulation.record.RefusedError
        If something else is there.
    lstosa_luigi.simulation.sky.NoSourceError
        If no source can be observed in that night.
    """
    stay_offline()
    begin = time.monotonic()
    plan = plan_night(
        options.date,
        options.first_run,
        options.data_runs,
        options.drs4_run,
        options.pedcalib_run,
        run_length(options),
    )
    directory = options.base / "R0" / options.day
    raw, mc = _raw_record(options), _mc_record(options, plan)
    raw_lacks = not raw.complete(options.base)
    mc_lacks = options.mc and not mc.complete(options.base)
    if not (raw_lacks or mc_lacks):
        print(f"The night of {options.date} is already there, from the same options: {directory}")
        return
    if raw_lacks:
        raw.check(options.overwrite, sorted(directory.glob("LST-1.*.fits.fz")))
    if mc_lacks:
        mc.check(options.overwrite, [])

    from lstosa_luigi.simulation.production import write_night

    for record, lacks in ((raw, raw_lacks), (mc, mc_lacks)):
        if lacks:
            record.begin()
    raw_files, mc_files = write_night(options, plan, raw_lacks, mc_lacks)
    if raw_lacks:
        raw.finish(options.base, raw_files)
    if mc_lacks:
        mc.finish(options.base, mc_files)
    size = sum(path.stat().st_size for path in directory.glob("LST-1.*.fits.fz")) / 1e6
    print(
        f"Night of {options.date} ready: {len(plan.runs)} runs on {plan.source.name}, "
        f"{size:.0f} MB of raw data in {directory} ({time.monotonic() - begin:.0f} s)"
    )


def _raw_record(options: NightOptions) -> Record:
    """Return the record of the raw data of a night."""
    return Record(options.base / f"simulation/night_{options.day}.json", options.content())


def _mc_record(options: NightOptions, plan: NightPlan) -> Record:
    """Return the record of the Monte Carlo, which the nights on one declination line share."""
    line = plan.source.declination_line
    content = {"seed": options.seed, "mc_events": options.mc_events, "declination_line": line}
    return Record(options.base / f"simulation/mc_{line}.json", content)
