"""Lines of each file of a folder, counted on the cluster."""

from pathlib import Path

import luigi

from lstosa_luigi import BatchParameter, SlurmTask


class Count(SlurmTask):
    """Number of lines of one file."""

    folder = luigi.Parameter()
    number = BatchParameter()
    batch_key = "number"

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/count{int(self.number):03d}.txt")

    def command(self):
        text = Path(f"{self.folder}/text{int(self.number):03d}").absolute()
        return ["sh", "-c", f"wc -l < {text} > {self.aside()}"]


class AllCounts(luigi.WrapperTask):
    """Of all files."""

    folder = luigi.Parameter()

    def requires(self):
        files = sorted(Path(self.folder).glob("text*"))
        return [Count(folder=self.folder, number=file.name[4:]) for file in files]
