"""What a night cost and how long it took: what table, JSON and plot are made of. Values only."""

from __future__ import annotations

__all__ = [
    "ORDER",
    "Account",
    "CauseAccount",
    "ClassAccount",
    "Level",
    "Memory",
    "NightAccount",
    "Observation",
]

import dataclasses
import datetime

ORDER = (
    *("RunSummary", "RunCatalog", "FilterWheels", "PointedRunSummary", "RunInputState", "RawCopy"),
    *("GainSelection", "Drs4Pedestal", "ChargeCalibration", "DL1A", "Tailcuts", "CatBCalibration"),
    *("DL1B", "MergedDL1", "MergedMuons", "DL1Check", "RunDatacheck", "LongtermDatacheck"),
    *("CherenkovTransparency", "RandomForests", "TestingDL2", "IRF", "DL2", "DL3", "DL3Index"),
)
"""Classes of products as they follow each other; others come last."""


@dataclasses.dataclass(frozen=True)
class Memory:
    """Memory in MB (2**20 bytes) that attempts asked for and used; None if nobody knows.

    Parameters
    ----------
    asked_median, asked_max : float or None
        Of attempts that asked for any; on one machine nothing is asked for.
    used_median, used_max : float or None
        Largest resident sizes.
    ratio : float or None
        ``asked_median`` over ``used_max``: if it is much above 1, less could be asked for; if it is
        below 1, some needed more than most ask for.
    """

    asked_median: float | None
    asked_max: float | None
    used_median: float | None
    used_max: float | None
    ratio: float | None


@dataclasses.dataclass(frozen=True)
class CauseAccount:
    """Attempts that left no product, for causes of one group; *retried*: another one followed."""

    cause: str
    attempts: int
    retried: int
    cpu_seconds: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class ClassAccount:
    """Products of one class, or all of them.

    Parameters
    ----------
    product : str
        Class.
    products : int
        Products that were made, or refused by the tool.
    by_lstosa : int
        Products that lstosa made; they are in no other number.
    not_made : int
        Products whose last attempt left none.
    attempts, lost, again : int
        All attempts; those that left no product; those whose product was made again later.
    unknown : int
        Attempts among them of which no record is kept: neither time nor cause is known.
    without_cpu : int
        Attempts that were killed before they could tell their CPU time, which is not counted.
    cpu_seconds, seconds : float
        CPU time and elapsed time of all attempts.
    lost_cpu_seconds, lost_seconds : float
        Those of the attempts that left no product.
    memory : Memory or None
        None of all classes together.
    causes : tuple of CauseAccount
        Why attempts left no product: most frequent first.
    """

    product: str
    products: int
    by_lstosa: int
    not_made: int
    attempts: int
    lost: int
    again: int
    unknown: int
    without_cpu: int
    cpu_seconds: float
    seconds: float
    lost_cpu_seconds: float
    lost_seconds: float
    memory: Memory | None
    causes: tuple[CauseAccount, ...]


@dataclasses.dataclass(frozen=True)
class Observation:
    """When the observation ended, as well as it is known.

    Parameters
    ----------
    end : datetime or None
        When (UTC); None if nobody knows.
    how : str
        What tells it, in words, or why nothing does.
    """

    end: datetime.datetime | None
    how: str


@dataclasses.dataclass(frozen=True)
class Level:
    """When the last product of a level was there by now (UTC); None if there is none."""

    level: str
    reached: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class NightAccount:
    """One night of one production.

    Parameters
    ----------
    date : datetime.date
        The night: the date of its evening.
    prod_id : str
        Production.
    observation : Observation
        Its end.
    began : datetime or None
        When the first attempt began (UTC) that is known of.
    levels : tuple of Level
        DL1, datacheck, DL2, DL3, closed; the last one only counts while the night is closed.
    classes : tuple of ClassAccount
        Class by class, as they follow each other.
    total : ClassAccount
        All of them.
    damaged : tuple of str
        Records that cannot be read: what they tell of is not counted.
    """

    date: datetime.date
    prod_id: str
    observation: Observation
    began: datetime.datetime | None
    levels: tuple[Level, ...]
    classes: tuple[ClassAccount, ...]
    total: ClassAccount
    damaged: tuple[str, ...]

    @property
    def closed(self) -> datetime.datetime | None:
        """When it was closed; None if it is not."""
        return self.levels[-1].reached


@dataclasses.dataclass(frozen=True)
class Account:
    """Nights together.

    Parameters
    ----------
    telescope, asked : str
        Which one, and when this was found out (UTC, ISO 8601).
    nights : tuple of NightAccount
        By date and production.
    classes, total : ClassAccount
        Over all nights.
    without_records : tuple of datetime.date
        Nights that were asked for, but of which there are no records.
    """

    telescope: str
    asked: str
    nights: tuple[NightAccount, ...]
    classes: tuple[ClassAccount, ...]
    total: ClassAccount
    without_records: tuple[datetime.date, ...]
