"""What index and catalogue say of a night: a small file beside its page, so that they need no more.

The index of a thousand nights reads a thousand of these, and no product of any of them.
"""

from __future__ import annotations

__all__ = ["Entry", "RunEntry", "dump_entry", "entry_of", "parse_entry"]

import dataclasses
import json
from collections.abc import Mapping

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.catalog import Source
from lstosa_luigi.observation.events import Taken
from lstosa_luigi.observation.runs import DATA
from lstosa_luigi.status.model import NightStatus, Standing, State
from lstosa_luigi.status.verdict import headline

SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class RunEntry:
    """A DATA run in the catalogue.

    Parameters
    ----------
    run : int
        Run number.
    source : str
        What it was taken on; empty if that is not known.
    ra_deg, dec_deg : float or None
        Coordinates of the source (ICRS) in degrees.
    start : str
        When it began (UTC, ISO 8601); empty if nothing says so.
    minutes : float or None
        How long it took.
    of : str
        What these were read of, as :class:`~lstosa_luigi.observation.events.Taken` has it; empty
        if that was no file of events.
    subruns : int
        How many were taken.
    state : str
        How it stands.
    """

    run: int
    source: str
    ra_deg: float | None
    dec_deg: float | None
    start: str
    minutes: float | None
    of: str
    subruns: int
    state: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """A night in the index.

    Parameters
    ----------
    date, telescope, prod_id : str
        Which night.
    standing : str
        How it stands, as in the JSON of ``lstosa status``.
    headline : str
        The same in words.
    written : str
        When its page was written (UTC, ISO 8601).
    done, total, failed : int
        Products that are there, that are wanted, and that could not be made.
    size : int
        Bytes of its products.
    runs : tuple of RunEntry
        Its DATA runs.
    """

    date: str
    telescope: str
    prod_id: str
    standing: str
    headline: str
    written: str
    done: int
    total: int
    failed: int
    size: int
    runs: tuple[RunEntry, ...]

    @property
    def subruns(self) -> int:
        """How many subruns of DATA were taken."""
        return sum(run.subruns for run in self.runs)

    @property
    def sources(self) -> tuple[str, ...]:
        """What was observed, each source once, in the order of the runs."""
        return tuple(dict.fromkeys(run.source for run in self.runs if run.source))


def entry_of(
    status: NightStatus,
    sources: Mapping[int, Source],
    starts: Mapping[int, str],
    times: Mapping[int, Taken],
) -> Entry:
    """Return what is said of a night.

    Parameters
    ----------
    status : NightStatus
        The night.
    sources : mapping of int to Source
        What each run was taken on, as far as it is known.
    starts : mapping of int to str
        When each run began by the table of the runs of all nights, likewise.
    times : mapping of int to Taken
        When each run was taken by its events, which counts more.
    """
    runs = []
    for run in status.runs:
        if DATA not in (run.type, run.observed_type):
            continue
        source, told = sources.get(run.run), times.get(run.run)
        runs.append(
            RunEntry(
                run=run.run,
                source=run.source,
                ra_deg=None if source is None else source.ra_deg,
                dec_deg=None if source is None else source.dec_deg,
                start=starts.get(run.run, "") if told is None else told.start,
                minutes=None if told is None else told.minutes,
                of="" if told is None else told.of,
                subruns=len(run.subruns),
                state=run.state.value,
            )
        )
    return Entry(
        date=status.date,
        telescope=status.telescope,
        prod_id=status.prod_id,
        standing=status.standing.name.lower(),
        headline=headline(status),
        written=status.asked,
        done=sum(part.done for part in status.progress),
        total=sum(part.total for part in status.progress),
        failed=sum(part.states.get(State.FAILED, 0) for part in status.progress),
        size=sum(part.size or 0 for part in status.progress),
        runs=tuple(runs),
    )


def dump_entry(entry: Entry) -> str:
    """Return an entry as JSON."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **dataclasses.asdict(entry)}) + "\n"


def parse_entry(text: str, name: str) -> Entry:
    """Read an entry.

    Parameters
    ----------
    text : str
        As :func:`dump_entry` writes it.
    name : str
        The file, for the message.

    Raises
    ------
    InputError
        If the text is none.
    """
    try:
        data = json.loads(text)
        version = data.pop("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {version}")
        data["runs"] = tuple(RunEntry(**run) for run in data["runs"])
        entry = Entry(**data)
        Standing[entry.standing.upper()]
        for run in entry.runs:
            State(run.state)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{name}: cannot be read as the entry of a night ({error})") from error
    return entry
