"""What lstosa may have made of a night: each product, its files, and what tells whether it counts.

The table is that of lstosa's own products; names of files are those of :mod:`lstosa_luigi.layout`,
what a file must hold is what our own jobs check (:mod:`lstosa_luigi.products`).
"""

from __future__ import annotations

__all__ = ["ANY", "Candidate", "Need", "Piece", "candidates_of"]

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import luigi
from luigi.task import flatten

from lstosa_luigi.layout import Layout
from lstosa_luigi.migration import history
from lstosa_luigi.migration.places import LstosaPlaces
from lstosa_luigi.observation.night import Night
from lstosa_luigi.observation.reconstruction import cat_b_place
from lstosa_luigi.observation.runs import Run
from lstosa_luigi.products.base import NightProduct, NightTask
from lstosa_luigi.products.calibration import MONITORING, ChargeCalibration, Drs4Pedestal
from lstosa_luigi.products.datacheck import (
    COSMICS,
    CherenkovTransparency,
    DL1Check,
    LongtermDatacheck,
    RunDatacheck,
)
from lstosa_luigi.products.dl1a import DL1A, IMAGES, PARAMETERS
from lstosa_luigi.products.dl1b import DL1B, MergedDL1
from lstosa_luigi.products.dl2 import DL2
from lstosa_luigi.products.gain_selection import GainSelection
from lstosa_luigi.products.interleaved import CatBCalibration, Tailcuts
from lstosa_luigi.products.models import DL2_PARAMETERS
from lstosa_luigi.products.muons import MergedMuons

Need = tuple[str, str]
"""Name and cleaning of a product that another one was put together from."""
ANY = "*"

SPECTRUM = "/cosmics_intensity_spectrum/table"
"""What the Cherenkov transparency adds to the night-wise datacheck."""


@dataclasses.dataclass(frozen=True)
class Piece:
    """One file of a product.

    Parameters
    ----------
    final : Path
        Its place here.
    working : tuple of Path
        Where lstosa may have it instead.
    tables : tuple of str
        What it must hold, if it is HDF5.
    is_link : bool
        Whether it may be a link to where lstosa has it, which stays there as another product.
    """

    final: Path
    working: tuple[Path, ...] = ()
    tables: tuple[str, ...] = ()
    is_link: bool = False


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A product that lstosa may have made.

    Parameters
    ----------
    family : str
        Our task.
    unit : str
        What it is of, as in the names of records.
    layout : Layout
        Places of the night that it belongs to.
    pieces : tuple of Piece
        Its files, all of which must be there.
    links : dict of Path to Path
        Links that others expect, to its files.
    step : str
        Step of lstosa's history that made it; empty if lstosa keeps none.
    of : (int, int or None) or None
        Run and subrun of that history.
    cleaning : str
        Directory of its cleaning.
    needs : tuple of (str, str)
        Names of the products that it was put together from, and their cleanings, :data:`ANY` for
        any.
    """

    family: str
    unit: str
    layout: Layout
    pieces: tuple[Piece, ...]
    links: dict[Path, Path] = dataclasses.field(default_factory=dict)
    step: str = ""
    of: tuple[int, int | None] | None = None
    cleaning: str = ""
    needs: tuple[Need, ...] = ()

    @property
    def name(self) -> str:
        """What its record is called (:class:`~lstosa_luigi.products.base.NightProduct`)."""
        return f"{self.unit}_{self.family}"

    @property
    def key(self) -> Need:
        """What tells it from all others of the night."""
        return self.name, self.cleaning

    @property
    def title(self) -> str:
        """The product in an operator's words."""
        return f"{self.family} {self.unit}"


def candidates_of(root: NightTask, places: LstosaPlaces) -> Iterator[Candidate]:
    """Yield all products that lstosa may have made of a night, what others are made of first.

    Parameters
    ----------
    root : NightTask
        A task of the night.
    places : LstosaPlaces
        Where lstosa keeps it.

    Raises
    ------
    InputError
        If the night has no run summary.
    """
    layout, night = root.layout, root.known_night()
    yield from _calibration(root, night)
    cleanings = places.cleanings()
    for run in night.data_runs:
        yield from _of_run(root, places, run)
        for cleaning in cleanings:
            yield from _cleaned(root, places, run, cleaning)
        yield from _reconstructed(layout, places, run)
    yield from _of_night(layout, night)


def _unit(run: int, subrun: int | None = None) -> str:
    return f"Run{run:05d}" if subrun is None else f"Run{run:05d}.{subrun:04d}"


def _need(
    family: type[luigi.Task], run: int, subrun: int | None = None, cleaning: str = ""
) -> Need:
    return f"{_unit(run, subrun)}_{family.__name__}", cleaning


def _calibration(root: NightTask, night: Night) -> Iterator[Candidate]:
    """Yield Cat-A of the night's own runs; that of another night is of that night."""
    drs4, pedcalib = night.drs4_run.value, night.pedcalib_run.value
    baseline = night.baseline_run.value
    if drs4 is not None and drs4.date == root.date:
        task = root.sibling(Drs4Pedestal, run_id=drs4.number)
        # lstosa notes both in the history of the PEDCALIB run
        run = drs4.number if pedcalib is None else pedcalib.number
        yield _of_task(task, (), history.DRS4, run)
    if pedcalib is not None and baseline is not None and pedcalib.date == root.date:
        task = root.sibling(
            ChargeCalibration,
            run_id=pedcalib.number,
            drs4_run=baseline.number,
            drs4_date=baseline.date,
        )
        tables = tuple(f"/tel_{root.telescope[-1]}/{name}" for name in MONITORING)
        yield _of_task(task, tables, history.CHARGE, pedcalib.number)


def _of_task(task: NightProduct, tables: tuple[str, ...], step: str, run: int) -> Candidate:
    pieces = tuple(
        Piece(Path(target.path), (), tables if str(target.path).endswith(".h5") else ())
        for target in flatten(task.output())
    )
    return Candidate(
        str(task.task_family), task.unit, task.layout, pieces, step=step, of=(run, None)
    )


def _of_run(root: NightTask, places: LstosaPlaces, run: Run) -> Iterator[Candidate]:
    """Yield what is made of a run before it is cleaned."""
    layout, number = root.layout, run.number
    for subrun in range(run.n_subruns):
        if _can_be_selected(layout, number, subrun):
            yield _selected(root, number, subrun)
        yield _dl1a(layout, places, number, subrun)
    merged = layout.muons(number, None)
    subruns = tuple(_need(DL1A, number, subrun) for subrun in run.subruns)
    yield Candidate(MergedMuons.__name__, _unit(number), layout, (Piece(merged),), needs=subruns)
    found = (Piece(layout.tailcuts_log(number)), Piece(layout.tailcuts_config(number)))
    yield Candidate(Tailcuts.__name__, _unit(number), layout, found)
    if root.settings.lstchain.apply_catB_calibration:
        cat_b = cat_b_place(layout, root.settings, number)
        tables = tuple(f"/tel_{layout.telescope[-1]}/{name}" for name in MONITORING)
        yield Candidate(
            CatBCalibration.__name__, _unit(number), layout, (Piece(cat_b, (), tables),)
        )


def _can_be_selected(layout: Layout, run: int, subrun: int) -> bool:
    """Whether the raw data are there as they were taken: else R0G may be all that there is."""
    raw, selected = layout.raw_roots()
    return raw != selected and any(p.exists() for p in layout.r0_streams(run, subrun, raw))


def _selected(root: NightTask, run: int, subrun: int) -> Candidate:
    task = root.sibling(GainSelection, run_id=run, subrun=subrun)
    return Candidate(
        GainSelection.__name__,
        _unit(run, subrun),
        root.layout,
        tuple(Piece(Path(target.path)) for target in flatten(task.output())),
        step=history.GAIN_SELECTION,
        of=(run, subrun),
    )


def _dl1a(layout: Layout, places: LstosaPlaces, run: int, subrun: int) -> Candidate:
    muons, interleaved = layout.muons(run, subrun), layout.interleaved(run, subrun)
    return Candidate(
        DL1A.__name__,
        _unit(run, subrun),
        layout,
        (
            Piece(muons, places.working(muons)),
            Piece(interleaved, places.working(interleaved)),
            Piece(layout.dl1a(run, subrun), (), (PARAMETERS, IMAGES)),
        ),
        links={
            layout.analysis() / muons.name: muons,
            layout.interleaved_link(run, subrun): interleaved,
            layout.common_datacheck_dir() / "muons" / muons.name: muons,
        },
        step=history.DL1A,
        of=(run, subrun),
    )


def _cleaned(root: NightTask, places: LstosaPlaces, run: Run, cleaning: str) -> Iterator[Candidate]:
    """Yield what is made of a run with one cleaning."""
    layout, number, common = root.layout, run.number, root.layout.common_datacheck_dir()
    images = (IMAGES,) if root.settings.lstchain.store_image_dl1ab else ()
    for subrun in range(run.n_subruns):
        unit = _unit(number, subrun)
        dl1b = layout.dl1b(number, subrun, cleaning)
        yield Candidate(
            DL1B.__name__,
            unit,
            layout,
            (Piece(dl1b, places.working(dl1b, cleaning), (PARAMETERS, *images)),),
            links={layout.dl1b_link(number, subrun, cleaning): dl1b},
            step=history.DL1AB,
            of=(number, subrun),
            cleaning=cleaning,
        )
        check = layout.datacheck(number, subrun, cleaning)
        yield Candidate(
            DL1Check.__name__,
            unit,
            layout,
            (Piece(check, places.working(check, cleaning), (COSMICS,)),),
            links={common / check.name: check},
            step=history.CHECK,
            of=(number, subrun),
            cleaning=cleaning,
        )
    merged = layout.dl1b(number, None, cleaning)
    yield Candidate(
        MergedDL1.__name__,
        _unit(number),
        layout,
        (Piece(merged, (), (PARAMETERS,)),),
        cleaning=cleaning,
        needs=tuple(_need(DL1B, number, subrun, cleaning) for subrun in run.subruns),
    )
    table = layout.datacheck(number, None, cleaning)
    plot = layout.datacheck_plot(number, cleaning)
    yield Candidate(
        RunDatacheck.__name__,
        _unit(number),
        layout,
        (Piece(plot), Piece(table, (), (COSMICS,))),
        links={common / file.name: file for file in (table, plot)},
        cleaning=cleaning,
        needs=tuple(_need(DL1Check, number, subrun, cleaning) for subrun in run.subruns),
    )


def _reconstructed(layout: Layout, places: LstosaPlaces, run: Run) -> Iterator[Candidate]:
    for dl2_prod in places.reconstructions(run.number):
        yield Candidate(
            DL2.__name__,
            _unit(run.number),
            layout,
            (Piece(layout.dl2(run.number, dl2_prod), (), (DL2_PARAMETERS,)),),
            cleaning=dl2_prod.partition("/")[0],
            needs=(_need(MergedDL1, run.number, None, dl2_prod.partition("/")[0]),),
        )


def _of_night(layout: Layout, night: Night) -> Iterator[Candidate]:
    """Yield the night-wise datacheck.

    lstosa has one table, to which the Cherenkov transparency is added where it lies; here the table
    before that is a product of its own.
    """
    runs = tuple(_need(RunDatacheck, run.number, None, ANY) for run in night.data_runs)
    complete = (f"{layout.flat_date}_{CherenkovTransparency.__name__}", "")
    table, draft = layout.longterm(), layout.longterm_draft()
    pages = tuple(Piece(layout.longterm(suffix)) for suffix in (".log", ".html"))
    yield Candidate(
        CherenkovTransparency.__name__,
        layout.flat_date,
        layout,
        (Piece(table, (), (SPECTRUM,)),),
        needs=runs,
    )
    yield Candidate(
        LongtermDatacheck.__name__,
        layout.flat_date,
        layout,
        (*pages, Piece(draft, (table,), ("/cosmics/table", "/runsummary/table"), is_link=True)),
        needs=(*runs, complete),
    )
