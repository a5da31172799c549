"""Slurm's client commands behind one small interface; no shell, and a time limit for each call."""

from __future__ import annotations

__all__ = ["EXPORT", "Away", "Limits", "Refused", "Slurm", "job_variables"]

import collections
import dataclasses
import os
import subprocess
import threading
from collections.abc import Collection, Iterable, Mapping

from lstosa_luigi.execution.slurm import parse
from lstosa_luigi.execution.slurm.parse import Accounting, ElementId, QueueRow, Refusal

PATIENCE_S = 60.0
"""For a command to answer: Slurm's own message time-outs are 10 s, a few in a row at most."""
BETWEEN_TERM_AND_KILL_S = 2.0
EXPORT = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "PATH")
"""Variables that jobs get from here; what else their commands need comes with each job."""
OF_THE_CLIENT = ("SLURM_CONF", "SLURM_CLUSTERS")
"""Variables that sbatch itself may need."""
IDS_IN_ONE_CALL = 500
"""Elements named in one command line: 5000 ids took sacct 120 ms, a command line holds 128 kB."""


class Away(Exception):
    """Slurm, or its accounting, does not answer; the text is what the command said."""


class Refused(Exception):
    """A job was not taken; the text is what sbatch said."""

    def __init__(self, kind: Refusal, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the cluster allows.

    Parameters
    ----------
    array_size : int
        MaxArraySize: array indices must be below it.
    seconds : dict of str to float
        Longest time of each partition.
    """

    array_size: int
    seconds: dict[str, float]


class Slurm:
    """The cluster that ``sbatch`` and its kin on PATH talk to.

    Parameters
    ----------
    patience : float
        Seconds until a command that does not answer is given up.
    export : str
        Variables for the jobs beside :data:`EXPORT`: ``NAME,OTHER=value``, or ``ALL``.
    """

    def __init__(self, patience: float = PATIENCE_S, export: str = "") -> None:
        self._patience = patience
        self._export = export
        self.calls: collections.Counter[str] = collections.Counter()

    def submit(self, script: str, name: str) -> int:
        """Submit a batch script under a name.

        Returns
        -------
        int
            The job id.

        Raises
        ------
        Refused
            If the job was not taken, or it is not known whether it was.
        """
        self.calls["sbatch"] += 1
        try:
            process = subprocess.Popen(
                ["sbatch", "--parsable", f"--job-name={name}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=_for_slurm(job_variables(os.environ, self._export)),
                start_new_session=True,
            )
        except OSError as error:
            raise Refused(
                Refusal.NEVER, f"sbatch: {error.strerror}; is Slurm installed?"
            ) from error
        said = _Stderr(process)
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(script)
                process.stdin.close()
            except BrokenPipeError:
                pass  # it refused before it had read the script
            try:
                process.wait(self._patience)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Refused(Refusal.UNCERTAIN, "sbatch did not answer in time") from None
            printed = process.stdout.read()
            text = said.text()
        number = parse.job_id(printed)
        if process.returncode == 0 and number is not None:
            return number
        raise Refused(
            parse.kind_of_refusal(text), text or f"sbatch ended with {process.returncode}"
        )

    def queue(self) -> list[QueueRow]:
        """Return the array elements of this user that are not over.

        Raises
        ------
        Away
            If Slurm does not answer.
        """
        return parse.queue_rows(self._ask("squeue", "--me", "-h", "-r", "-o", parse.QUEUE_FORMAT))

    def accounting(self, elements: Collection[ElementId]) -> dict[ElementId, Accounting]:
        """Return what accounting knows of elements; those it does not know are left out.

        Raises
        ------
        Away
            If accounting does not answer.
        """
        found: dict[ElementId, Accounting] = {}
        # whole arrays: asked for an element that never started, sacct may not know it by its number
        names = sorted({str(element.array) for element in elements})
        for start in range(0, len(names), IDS_IN_ONE_CALL):
            ids = ",".join(names[start : start + IDS_IN_ONE_CALL])
            words = ("-n", "-P", "-o", parse.ACCOUNTING_FORMAT, "-j", ids)
            found.update(parse.accounting_rows(self._ask("sacct", *words)))
        return {element: found[element] for element in elements if element in found}

    def cancel(self, ids: Iterable[object]) -> None:
        """Cancel arrays or single elements; those that are over already are no error.

        Raises
        ------
        Away
            If Slurm does not answer.
        """
        names = [str(number) for number in ids]
        for start in range(0, len(names), IDS_IN_ONE_CALL):
            self._ask("scancel", "-Q", *names[start : start + IDS_IN_ONE_CALL])

    def cancel_named(self, name: str) -> None:
        """Cancel all jobs of this user that have a name, should there be any."""
        self._ask("scancel", "-Q", "--me", f"--name={name}")

    def limits(self) -> Limits:
        """Ask what the cluster allows.

        Raises
        ------
        Away
            If Slurm does not answer.
        """
        size = parse.array_limit(self._ask("scontrol", "show", "config"))
        return Limits(
            size, parse.partition_seconds(self._ask("scontrol", "show", "partition", "-o"))
        )

    def _ask(self, *words: str) -> str:
        self.calls[words[0]] += 1
        try:
            answer = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._patience,
                env=_for_slurm(os.environ),
                start_new_session=True,  # Ctrl-C is for the worker
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Away(f"{words[0]} did not answer within {self._patience:.0f} s") from None
        except OSError as error:
            raise Away(f"{words[0]}: {error.strerror}; is Slurm installed?") from error
        if answer.returncode != 0:
            raise Away(answer.stderr.strip() or f"{words[0]} ended with {answer.returncode}")
        return answer.stdout


class _Stderr:
    """Reads what sbatch says while it runs, and ends it when it only waits for a place.

    With MaxJobCount reached sbatch would sleep and try again for two minutes; it has
    submitted nothing at that moment.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.append(line.strip())
            if "sleeping and retrying" in line:
                self._process.terminate()

    def text(self) -> str:
        """Return all that was said, in one line."""
        self._thread.join(BETWEEN_TERM_AND_KILL_S)
        return "; ".join(line.removeprefix("sbatch: ") for line in self._lines if line)


def job_variables(variables: Mapping[str, str], export: str) -> dict[str, str]:
    """Return what jobs get of some variables.

    It is sbatch that gets only these, and passes all of them on: told to choose itself
    (``--export=NAME,...``), Slurm starts a login shell for each job, as with ``NONE`` (seen with
    22.05: it cost each job 0.3 s of CPU).

    Parameters
    ----------
    variables : mapping
        The process environment.
    export : str
        More than :data:`EXPORT`: ``NAME,OTHER=value``, or ``ALL``.
    """
    given = [word.strip() for word in export.split(",") if word.strip()]
    if "ALL" in given:
        kept = dict(variables)
    else:
        names = {*EXPORT, *OF_THE_CLIENT, *given}
        kept = {name: value for name, value in variables.items() if name in names}
    pairs = (word.partition("=") for word in given if "=" in word)
    return {**kept, **{name: value for name, _, value in pairs}}


def _for_slurm(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables without those with which somebody preset options of Slurm's."""
    preset = ("SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_")
    kept = {key: value for key, value in variables.items() if not key.startswith(preset)}
    # else ids of irregular arrays are cut after 64 characters, in the middle of a number
    return {**kept, "SLURM_BITSTR_LEN": "0"}
