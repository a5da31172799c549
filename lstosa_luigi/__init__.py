"""On-site processing of the data of LST-1, as one Luigi task graph.

Importing the package registers all tasks, so that ``luigi --module lstosa_luigi``
finds them, and installs the worker that gives jobs to a backend.
"""

from __future__ import annotations

__all__ = [
    "DL1A",
    "DL1B",
    "DL2",
    "DL3",
    "IRF",
    "BatchParameter",
    "CalibrateNight",
    "CatBCalibration",
    "ChargeCalibration",
    "CherenkovTransparency",
    "CloseRun",
    "DL1Check",
    "DL2Night",
    "DL3Index",
    "Drs4Pedestal",
    "FilterWheels",
    "GainSelection",
    "LongtermDatacheck",
    "MergedDL1",
    "MergedMuons",
    "MergedRunSummary",
    "NightlyClose",
    "PointedRunSummary",
    "RandomForests",
    "RawCopy",
    "RunCatalog",
    "RunDatacheck",
    "RunInputState",
    "RunSummary",
    "SlurmTask",
    "Tailcuts",
    "TestingDL2",
]

from lstosa_luigi.execution import worker
from lstosa_luigi.execution.task import BatchParameter, SlurmTask
from lstosa_luigi.night import CalibrateNight, CloseRun, DL2Night, NightlyClose
from lstosa_luigi.pages import write_at_end
from lstosa_luigi.products.calibration import ChargeCalibration, Drs4Pedestal
from lstosa_luigi.products.catalog import MergedRunSummary, PointedRunSummary, RunCatalog
from lstosa_luigi.products.datacheck import (
    CherenkovTransparency,
    DL1Check,
    LongtermDatacheck,
    RunDatacheck,
)
from lstosa_luigi.products.dl1a import DL1A
from lstosa_luigi.products.dl1b import DL1B, MergedDL1
from lstosa_luigi.products.dl2 import DL2
from lstosa_luigi.products.dl3 import DL3, DL3Index
from lstosa_luigi.products.filters import FilterWheels
from lstosa_luigi.products.gain_selection import GainSelection, RawCopy, RunInputState
from lstosa_luigi.products.interleaved import CatBCalibration, Tailcuts
from lstosa_luigi.products.irf import IRF
from lstosa_luigi.products.models import RandomForests, TestingDL2
from lstosa_luigi.products.muons import MergedMuons
from lstosa_luigi.products.raw import RunSummary

worker.install(at_end=write_at_end)
