"""The tasks of ``slurm_night.py``: a night in which each product is a pause and a small file.

``CHAIN_CLUSTERED=1`` puts DL1B and Check of a subrun into one job.
"""

import os

import luigi

from lstosa_luigi import BatchParameter, SlurmTask

luigi.namespace("chain", scope=__name__)  # the package has a DL1A of its own


class Piece(SlurmTask):
    """One product."""

    folder = luigi.Parameter()
    pause = luigi.Parameter(significant=False)

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/made/{self.task_family}.{self.name}")

    def command(self):
        return ["/bin/sh", "-c", f"sleep {self.pause}; echo > {self.aside()}"]


class OfSubrun(Piece):
    """A product of a subrun: those of a run form an array."""

    number = luigi.IntParameter()
    subrun = BatchParameter()
    batch_key = "subrun"
    after: type["OfSubrun"] | None = None

    @property
    def name(self):
        return f"{self.number:05d}.{int(self.subrun):04d}"

    def requires(self):
        return [] if self.after is None else self.clone(self.after)


class DL1A(OfSubrun):
    pass


class DL1B(OfSubrun):
    after = DL1A


class Check(OfSubrun):
    after = DL1B
    follows = DL1B if os.environ.get("CHAIN_CLUSTERED") else None


class Muons(OfSubrun):
    after = DL1A


class DL2(OfSubrun):
    after = DL1B


class OfRun(Piece):
    """A product of a run: those of many runs form an array."""

    number = BatchParameter()
    batch_key = "number"
    subruns = luigi.IntParameter()
    of: type[OfSubrun] = DL1B

    @property
    def name(self):
        return f"{int(self.number):05d}"

    def requires(self):
        common = {"folder": self.folder, "pause": self.pause, "number": int(self.number)}
        return [self.of(**common, subrun=str(i)) for i in range(self.subruns)]


class MergedDL1(OfRun):
    pass


class MergedMuons(OfRun):
    of = DL1A


class RunCheck(OfRun):
    of = Check


class Night(luigi.Task):
    """All of it; ``products`` a subrun: 3, or 5 with Muons and DL2."""

    folder = luigi.Parameter()
    pause = luigi.Parameter()
    runs = luigi.IntParameter()
    subruns = luigi.IntParameter()
    products = luigi.IntParameter(default=3)

    def requires(self):
        common = {"folder": self.folder, "pause": self.pause}
        for run in range(1, self.runs + 1):
            for merged in (MergedDL1, MergedMuons, RunCheck):
                yield merged(**common, number=str(run), subruns=self.subruns)
            for extra in (Muons, DL2) if self.products == 5 else ():
                for subrun in range(self.subruns):
                    yield extra(**common, number=run, subrun=str(subrun))

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/NightFinished")

    def run(self):
        with self.output().open("w"):
            pass
