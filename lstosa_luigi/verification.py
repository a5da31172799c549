"""Whether the products of a night are what their records say, and what else lies among them.

Nothing is changed here but by :func:`set_aside`. How it is shown: :mod:`lstosa_luigi.cli.verify`.
Each directory is listed once, and only what ``--deep`` asks for is opened.
"""

from __future__ import annotations

__all__ = ["Finding", "Kind", "SetAside", "Verification", "invalid_products", "set_aside", "verify"]

import dataclasses
import enum
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from luigi.task import flatten

from lstosa_luigi.archives import names_in, problem_of
from lstosa_luigi.closing import EDITED
from lstosa_luigi.errors import LstosaError
from lstosa_luigi.execution import checks, files
from lstosa_luigi.execution.causes import os_error
from lstosa_luigi.execution.record import Record, read_record
from lstosa_luigi.execution.trace import hash_of
from lstosa_luigi.graph import Step, walk
from lstosa_luigi.layout import Layout, ProvenanceLayout
from lstosa_luigi.night import NightlyClose
from lstosa_luigi.observation.reconstruction import superseded_places
from lstosa_luigi.outdated import find_unneeded, images_needed_again
from lstosa_luigi.products.base import NightProduct
from lstosa_luigi.products.dl1a import DL1A

NFS = ".nfs"
"""What a file that is still open is called after it was removed on another host (Linux, NFS)."""


class Kind(str, enum.Enum):
    """What can be wrong with a file."""

    MISSING = "missing"
    """It was made, and is not there."""
    TRUNCATED = "truncated"
    """It is smaller than when it was checked."""
    CHANGED = "changed"
    """It is larger, or as large but written since."""
    DAMAGED = "damaged"
    """It cannot be read as what it is, or lacks what it must have; only a deep look finds this."""
    FOREIGN = "foreign"
    """No product is called so."""
    LEFTOVER = "leftover"
    """A process that is gone did not finish it."""


EARLIER = "of a cleaning or random forests that the run has no more: does not count"
"""What is said of files that other products have taken the place of."""

OF_PRODUCTS = (Kind.MISSING, Kind.TRUNCATED, Kind.CHANGED, Kind.DAMAGED)
"""What is wrong with a product, not beside it."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One file that is not as it should be.

    Parameters
    ----------
    kind : Kind
        What is wrong.
    file : str
        The file, or a directory that holds nothing else.
    text : str
        How that is seen.
    title : str
        The product, in an operator's words; empty if it is none.
    task_id : str
        Its task.
    """

    kind: Kind
    file: str
    text: str
    title: str = ""
    task_id: str = ""


@dataclasses.dataclass(frozen=True)
class Verification:
    """How the files of a night compare with their records.

    Parameters
    ----------
    steps : tuple of Step
        The graph of the night, what a product needs before it.
    compared : int
        Files that were compared with a record.
    unknown : tuple of str
        Products that are there without a record of their sizes, in an operator's words.
    findings : tuple of Finding
        What is not as it should be.
    """

    steps: tuple[Step, ...]
    compared: int
    unknown: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> frozenset[str]:
        """Ids of the products that are not what they were."""
        return frozenset(f.task_id for f in self.findings if f.kind in OF_PRODUCTS)


def verify(root: NightlyClose, deep: bool = False) -> Verification:
    """Compare all files of a night with their records.

    Parameters
    ----------
    root : NightlyClose
        The night.
    deep : bool
        Whether to open every file, and to look for what it must have.

    Raises
    ------
    LstosaError
        If a table that the whole night rests on is damaged.
    """
    wanted = tuple(root.wanted())
    steps = tuple(walk(wanted))
    is_whole = root.complete() and not root.is_accepted()
    look = _Look(_Listing(), is_whole, deep)
    unneeded = find_unneeded(steps, (), wanted)
    for step in steps:
        # raw data that were gain-selected may be removed: nobody misses them then
        if isinstance(step.task, NightProduct) and step.task.task_id not in unneeded:
            look.at(step.task)
    look.findings += _strays(root, look)
    return Verification(steps, look.compared, tuple(look.unknown), tuple(look.findings))


class _Listing:
    """Directories, each listed once."""

    def __init__(self) -> None:
        self._directories: dict[str, dict[str, os.DirEntry[str]]] = {}

    def entries(self, directory: str) -> dict[str, os.DirEntry[str]]:
        """Return what a directory holds, by name; nothing if there is none."""
        if directory not in self._directories:
            try:
                with os.scandir(directory) as found:
                    self._directories[directory] = {entry.name: entry for entry in found}
            except (FileNotFoundError, NotADirectoryError):
                self._directories[directory] = {}
        return self._directories[directory]

    def status(self, path: str) -> os.stat_result | None:
        """Return what is known of a file, of a link what it is itself; None if it is not there."""
        directory, _, name = path.rpartition("/")
        entry = self.entries(directory).get(name)
        try:
            return None if entry is None else entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # gone since
            return None


class _Look:
    """Compares products one after the other, and remembers which files are known."""

    def __init__(self, listing: _Listing, is_whole: bool, deep: bool) -> None:
        self.listing = listing
        self.is_whole = is_whole
        self.deep = deep
        self.compared = 0
        self.unknown: list[str] = []
        self.findings: list[Finding] = []
        self.known: set[str] = set()
        self.records: set[str] = set()
        self.kept: set[str] = set()

    def at(self, task: NightProduct) -> None:
        """Compare one product."""
        outputs = [str(target.path) for target in flatten(task.output())]
        self.records.add(str(task.record))
        record = read_record(task.record)
        self.known.update(outputs, () if record is None else record.outputs)
        if task.refused():
            return  # there is nothing to compare: that the tool refused it is all there is
        if record is not None and record.state == "done" and record.files:
            found = list(self._compare(task, record))
            self.compared += len(record.files)
        else:
            found = list(self._absent(task, record, outputs))
        if self.deep:
            bad = {finding.file for finding in found}
            found += [f for f in _deep(task, outputs, self.listing) if f.file not in bad]
            bad = {finding.file for finding in found}
            found += [f for f in self._rehash(task, record) if f.file not in bad]
        self.findings += found
        self._at_origin(task, record)

    def _rehash(self, task: NightProduct, record: Record | None) -> Iterator[Finding]:
        """Compare what files hold with what they held when they had been made."""
        if record is None or isinstance(task, EDITED):
            return
        for path in record.files:
            known, status = record.hashes.get(path), self.listing.status(path)
            if known is None or status is None:
                continue
            if stat.S_ISLNK(status.st_mode) and isinstance(task, DL1A):
                continue
            try:
                found = hash_of(path)
            except OSError as error:
                yield _finding(Kind.DAMAGED, task, path, os_error(error))
                continue
            if found != known:
                text = f"SHA-256 {found}, but {known} in {task.record}"
                yield _finding(Kind.CHANGED, task, path, text)

    def _at_origin(self, task: NightProduct, record: Record | None) -> None:
        """See that the record can be read, and what it names is kept; each file is named once."""
        if record is None:
            path = str(task.record)
            if self.listing.status(path) is not None:
                text = (
                    "the record cannot be read: how the product was made is not known any more, "
                    "unless it is made again"
                )
                self.findings.append(Finding(Kind.DAMAGED, path, text, task.title))
            return
        layout = task.layout
        kept = [
            layout.kept_config(digest, Path(path).suffix) for path, digest in record.configs.items()
        ]
        if record.software:
            kept.append(layout.kept_software(record.software))
        for file in map(str, kept):
            if file in self.kept:
                continue
            self.kept.add(file)
            if self.listing.status(file) is None:
                text = (
                    f"what {task.title} and others were made with is not known any more, unless "
                    "it is brought back from a backup"
                )
                self.findings.append(Finding(Kind.MISSING, file, text))
            elif self.deep and _hash(file) != Path(file).stem:
                text = "its content is not what its name says: bring it back from a backup"
                self.findings.append(Finding(Kind.CHANGED, file, text))

    def _compare(self, task: NightProduct, record: Record) -> Iterator[Finding]:
        for path, (size, time) in record.files.items():
            status = self.listing.status(path)
            if status is not None and stat.S_ISLNK(status.st_mode):
                if isinstance(task, DL1A):
                    continue  # it is done with: what the link leads to is a product of its own
                status = _behind(path)
            if status is None and task.is_done_with(path):
                continue
            if status is None:
                yield _finding(Kind.MISSING, task, path, f"it had {size} bytes")
            elif isinstance(task, EDITED):
                continue
            elif status.st_size < size:
                yield _finding(Kind.TRUNCATED, task, path, f"{status.st_size} of {size} bytes")
            elif status.st_size > size:
                text = f"{status.st_size} bytes, but {size} when it was checked"
                yield _finding(Kind.CHANGED, task, path, text)
            elif status.st_mtime_ns != time:
                yield _finding(Kind.CHANGED, task, path, "written since it was checked")

    def _absent(
        self, task: NightProduct, record: Record | None, outputs: Sequence[str]
    ) -> Iterator[Finding]:
        """Yield what is not there of a product without a record of its sizes."""
        absent = [path for path in outputs if self.listing.status(path) is None]
        if not absent:
            self.unknown.append(task.title)
        elif (record is not None and record.state == "done") or self.is_whole:
            why = "the night is closed" if self.is_whole else "it was made"
            yield from (_finding(Kind.MISSING, task, path, why) for path in absent)


def _finding(kind: Kind, task: NightProduct, path: str, text: str) -> Finding:
    return Finding(kind, path, text, task.title, task.task_id)


def _hash(path: str) -> str:
    try:
        return hash_of(path)
    except OSError:  # as good as another content
        return ""


def _behind(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - as all of this module, called for many files
    except OSError:
        return None


def _deep(task: NightProduct, outputs: Iterable[str], listing: _Listing) -> Iterator[Finding]:
    """Check the files of a product as the job did that made them."""
    try:
        wanted = {output.path: output for output in task.job().outputs}
    except (LstosaError, AssertionError):  # how it would be made now is not known
        wanted = {}
    for path in outputs:
        status = listing.status(path)
        is_done_with = isinstance(task, DL1A) and status and stat.S_ISLNK(status.st_mode)
        if status is None or is_done_with:
            continue
        output = wanted.get(path)
        try:
            checks.check(
                Path(path),
                () if output is None else output.tables,
                0 if output is None else output.min_rows,
            )
        except checks.Damaged as damage:
            yield _finding(Kind.DAMAGED, task, path, str(damage).removeprefix(f"{path}: "))


# --- what lies among the products ----------------------------------------------------------


def _strays(root: NightlyClose, look: _Look) -> list[Finding]:
    """Return files that no product is called by, and what dead processes left."""
    layout, night = root.layout, root.night
    for path in _records(layout, look.listing):
        record = None if path in look.records else read_record(Path(path))
        look.known.update(() if record is None else record.outputs)
    runs = {} if night is None else {run.number: run.n_subruns for run in night.observed.runs}
    superseded = {} if night is None else superseded_places(night, root.settings)
    look.known.update(str(layout.interleaved_removed(run)) for run in runs)
    search = _Search(layout, runs, look, superseded)
    found: list[Finding] = []
    archive = layout.archive()
    if archive.exists() and (problem := problem_of(archive, look.deep)):
        found.append(Finding(Kind.DAMAGED, str(archive), problem))
    for directory in (layout.scratch(), layout.r0g_scratch(), *layout.written_aside()):
        names = files.find_leftovers(look.listing.entries(str(directory)))
        found += [_leftover(f"{directory}/{left.name}", left.host) for left in names]
    for directory in layout.product_roots():
        found += search.below(str(directory))[1]
    return found


def _records(layout: Layout, listing: _Listing) -> list[str]:
    directory = str(layout.record("").parent)
    names = {*listing.entries(directory), *names_in(Path(directory))}
    return [f"{directory}/{name}" for name in sorted(names) if name.endswith(".json")]


def _leftover(path: str, host: str) -> Finding:
    where = f"of host {host}, where it may still be at work" if host != os.uname().nodename else ""
    return Finding(Kind.LEFTOVER, path, where or "the process is gone")


class _Search:
    """Looks through directories for what is not known."""

    def __init__(
        self,
        layout: Layout,
        runs: dict[int, int],
        look: _Look,
        superseded: Mapping[int, tuple[str, ...]],
    ) -> None:
        self._layout = layout
        self._runs = runs
        self._look = look
        self._skipped = {str(path) for path in layout.housekeeping()}
        self._dl1_prods = layout.cleanings_of(look.known)
        self._superseded = superseded

    def below(self, directory: str) -> tuple[int, list[Finding]]:
        """Return how many files below a directory are known, and those that are not."""
        known, found = 0, []
        for name, entry in sorted(self._look.listing.entries(directory).items()):
            path = f"{directory}/{name}"
            if path in self._skipped or name.startswith(NFS):
                continue
            if entry.is_dir(follow_symlinks=False):
                inside, strays = self.below(path)
                if strays and not inside:
                    one = len(strays) == 1
                    text = f"{len(strays)} {'file' if one else 'files'}, none of a product"
                    if all(stray.text.endswith(EARLIER) for stray in strays):
                        text = f"{len(strays)} {'file' if one else 'files'}, {EARLIER}"
                    strays = [Finding(Kind.FOREIGN, path, text)]
                known += inside
                found += strays
            elif name.startswith(".") and name.count("@") == 3:
                found += [_leftover(path, left.host) for left in files.find_leftovers([name])]
            elif self._is_known(path, entry) or ProvenanceLayout.is_document(Path(path)):
                known += 1
            else:
                found.append(Finding(Kind.FOREIGN, path, self._why(path)))
        return known, found

    def _why(self, path: str) -> str:
        """Say what a file is of which no product knows."""
        directory, _, name = path.rpartition("/")
        for run, places in self._superseded.items():
            is_inside = any(f"/{place}/" in f"{directory}/" for place in places)
            if is_inside and f".Run{run:05d}." in name:
                return EARLIER
        return "no product is called so"

    def _is_known(self, path: str, entry: os.DirEntry[str]) -> bool:
        if path in self._look.known:
            return True
        if entry.is_symlink():
            to = os.readlink(path)  # noqa: PTH115
            target = os.path.normpath(os.path.join(os.path.dirname(path), to))  # noqa: PTH118, PTH120
            is_product = target in self._look.known or self._is_named(target)
            return is_product and self._layout.may_link(path, target)
        return self._is_named(path)

    def _is_named(self, path: str) -> bool:
        """Whether a file is where a product of a run would be, though no record tells."""
        return self._layout.is_product(Path(path), self._runs, self._dl1_prods)


# --- making again --------------------------------------------------------------------------


def invalid_products(found: Verification) -> list[NightProduct]:
    """Return the products that are wrong and those made of them, what was made of others first."""
    invalid: set[str] = set(found.wrong)
    for step in found.steps:
        if any(need.task_id in invalid for need in step.needs):
            invalid.add(step.task.task_id)
    return [
        step.task
        for step in reversed(found.steps)
        if step.task.task_id in invalid and isinstance(step.task, NightProduct)
    ]


@dataclasses.dataclass(frozen=True)
class SetAside:
    """A product that will be made again, and where its files were moved."""

    title: str
    files: tuple[str, ...]


def set_aside(
    layout: Layout, found: Verification, products: Sequence[NightProduct], folder: Path
) -> Iterator[SetAside]:
    """Move the files of products away, so that they are made again; yield each that was moved.

    Whoever comes after an interruption finds the rest as before.

    Parameters
    ----------
    layout : Layout
        Places of the night.
    found : Verification
        What was found.
    products : sequence of NightProduct
        What is to be made again, what was made of others first.
    folder : Path
        Where files go, in the directories that they have below the base.
    """
    for task in products:
        yield SetAside(task.title, tuple(_move(task, layout, folder)))
    again = {task.task_id for task in products}
    for dl1a in images_needed_again(found.steps, again):
        if dl1a.task_id not in again:  # the link may stay: it counts no longer
            yield SetAside(dl1a.title, ())


def _move(task: NightProduct, layout: Layout, folder: Path) -> Iterator[str]:
    base = layout.directories.base
    for target in flatten(task.output()):
        path = Path(target.path)
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            below = path.relative_to(base) if path.is_relative_to(base) else path.relative_to("/")
            files.place(path, folder / below)
            yield str(path)
