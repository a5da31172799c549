"""What is to be done, as data: a command, what it reads, what it leaves, and where that goes.

Named tuples, as in all that a job imports: dataclasses take longer to import than the rest of it.
"""

from __future__ import annotations

__all__ = ["SCRATCH", "Job", "Output"]

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

SCRATCH = "{scratch}"
"""Stands in a command for the directory in which the job works."""

LISTS = {"argv", "inputs", "real", "warm_up", "decided", "choices", "made_below"}
"""Fields of a job that JSON knows as lists."""


class Output(NamedTuple):
    """One file that a job makes.

    Parameters
    ----------
    path : str
        Final place.
    made : str
        Where the command leaves it, below the scratch directory; a pattern if
        the command does not say the name.
    tables : tuple of str
        For HDF5: nodes that must hold rows.
    min_rows : int
        For tables of ECSV and FITS: rows that must be there at least.
    required : bool
        False for what the command only makes if it has enough data.
    is_copy : bool
        Whether it is only copied: it is then no better than what it is a copy of, and not checked.
    real : bool
        True for what a link may stand for once it is done with: the link is not the product.
    """

    path: str
    made: str
    tables: tuple[str, ...] = ()
    min_rows: int = 0
    required: bool = True
    is_copy: bool = False
    real: bool = False

    def is_made(self) -> bool:
        """Whether the file is there."""
        is_there = os.path.exists(self.path)  # noqa: PTH110 - called for thousands of jobs
        return is_there and not (self.real and os.path.islink(self.path))  # noqa: PTH114


class Job(NamedTuple):
    """One command that makes one product.

    Parameters
    ----------
    name : str
        Unique among all products of a production; also the name of log and record.
    title : str
        The product in an operator's words, for example ``DL1A 01807.0003``.
    product : str
        What kind of product it is, for example ``DL1A``.
    unit : str
        What it is of, as far as jobs of one array share it: the run, or the date.
    number : int or None
        Which of its unit it is: the subrun.
    group : str
        What it belongs to, in words that a job name can bear: telescope, night, production.
    argv : tuple of str
        Command; ``{scratch}`` in it is the directory in which the job works.
    outputs : tuple of Output
        What it makes, in the order in which it is put into place.
    inputs : tuple of str
        Files that must be there, whole, before the command is started.
    staged : dict of str to str
        Links to make in the scratch directory: name below it to file.
    real : tuple of str
        Inputs for which no link may stand: it would lead to another product.
    copied : dict of str to str
        Copies to make there, for commands that change a file in place.
    links : dict of str to str
        Links to make once the product is in place: place of the link to file.
    environment : dict of str to str
        Variables to set for the command, beside the current ones.
    warm_up : tuple of str
        Command that fills the caches of the tools.
    is_warm : str
        File that says that they are filled; empty if there is nothing to fill.
    log, record, scratch : str
        Files for the command's output and for the record, and directory to work in.
    arrays : str
        Directory for manifests of job arrays, for backends that submit arrays.
    resource_class : str
        Which resources it needs, for backends that reserve them.
    priority : int
        Of jobs that wait, the one with the highest is started first.
    decided : tuple of str
        What the operators had decided when it was planned, for the record.
    choices : tuple of str
        What was chosen for it and why, for the record.
    about : dict
        What it is of and who asked for it, for the record: values of its keys of the same names,
        but for the subrun, which is the *number*.
    software : dict of str to str
        Versions of what it is made with, for the record.
    configs, versions : str
        Directories in which copies of configurations are kept, and what software was used; empty
        if nothing is hashed and kept.
    hash_raw : bool
        Whether raw files are hashed.
    hash_store : str
        Directory in which hashes of large inputs are kept, so that one job makes them for all.
    made_below : tuple of str
        Directories of what jobs make: its hash is in the record of the job that did.
    refusal : str
        File for the tool's own verdict that the data do not allow the product, if that is to
        count instead of it; empty if it counts as a failure.
    """

    name: str
    title: str
    argv: tuple[str, ...]
    outputs: tuple[Output, ...]
    log: str
    record: str
    scratch: str
    arrays: str = ""
    product: str = ""
    unit: str = ""
    number: int | None = None
    group: str = ""
    inputs: tuple[str, ...] = ()
    staged: Mapping[str, str] = {}
    real: tuple[str, ...] = ()
    copied: Mapping[str, str] = {}
    links: Mapping[str, str] = {}
    environment: Mapping[str, str] = {}
    warm_up: tuple[str, ...] = ()
    is_warm: str = ""
    resource_class: str = "data"
    priority: int = 0
    decided: tuple[str, ...] = ()
    refusal: str = ""
    choices: tuple[str, ...] = ()
    about: Mapping[str, Any] = {}
    software: Mapping[str, str] = {}
    configs: str = ""
    versions: str = ""
    hash_raw: bool = False
    hash_store: str = ""
    made_below: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells the job from all others, also of other nights and productions."""
        return self.record

    def is_made(self) -> bool:
        """Whether all outputs that must be there are, or were refused."""
        if all(output.is_made() for output in self.outputs if output.required):
            return True
        return bool(self.refusal) and os.path.exists(self.refusal)  # noqa: PTH110

    def to_json(self) -> dict[str, Any]:
        """Return the job as JSON can hold it."""
        outputs = [output._asdict() for output in self.outputs]
        return {**self._asdict(), "outputs": outputs}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Job:
        """Return the job that :meth:`to_json` wrote, perhaps in another version."""
        fields = {key: value for key, value in data.items() if key in cls._fields}
        fields["outputs"] = tuple(
            Output(**{**output, "tables": tuple(output["tables"])}) for output in data["outputs"]
        )
        for key in LISTS & data.keys():
            fields[key] = tuple(data[key])
        return cls(**fields)
