"""Tasks of somebody's own on the package's SlurmTask: each a line of shell, many of them."""

from pathlib import Path

import luigi

from lstosa_luigi import BatchParameter, SlurmTask


class Piece(SlurmTask):
    """One of many: ``piece.sh NUMBER FILE``, in the folder, makes it."""

    folder = luigi.Parameter()
    number = BatchParameter()
    batch_key = "number"

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/made/piece.{int(self.number):04d}")

    def command(self):
        return ["/bin/sh", f"{self.folder}/piece.sh", str(self.number), self.aside()]

    def job(self):
        return traced(super().job(), self.folder)


class Sum(SlurmTask):
    """What needs one piece."""

    folder = luigi.Parameter()
    number = BatchParameter()
    batch_key = "number"

    def requires(self):
        return self.clone(Piece)

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/made/sum.{int(self.number):04d}")

    def command(self):
        return ["/bin/cp", self.input().path, self.aside()]

    def job(self):
        return traced(super().job(), self.folder)


def traced(job, folder):
    """Return a job whose record has hashes and software, as that of a product of a night."""
    places = {"configs": f"{folder}/configs", "versions": f"{folder}/software"}
    return job._replace(**places, software={"pieces": "1"})


class Whole(luigi.Task):
    """All of them."""

    folder = luigi.Parameter()
    count = luigi.IntParameter()

    def requires(self):
        return [Sum(folder=self.folder, number=str(i)) for i in range(self.count)]

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/whole")

    def run(self):
        Path(self.output().path).touch()
