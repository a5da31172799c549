"""Records of thousands of jobs that run at the same time on a real Slurm: all there, all whole."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lstosa_luigi.execution.record import read_records
from tests.slurm.nights import Pieces

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1500)]

JOBS = 1500
"""Of two kinds each: 3,000 records."""


def test_of_3000_records_none_is_lost_or_torn(pieces: Callable[..., Pieces]) -> None:
    work = pieces()
    code, output = work.run(JOBS, timeout=1400)
    assert code == 0, output[-3000:]
    folder = work.root / "jobs/records"
    records = dict(read_records(folder))
    assert len(records) == 2 * JOBS
    assert None not in records.values()
    assert len(list(folder.iterdir())) == len(records), "and nothing half-written beside them"
    made: set[str] = set()
    for record in records.values():
        assert record is not None
        assert (record.state, record.attempt) == ("done", 1)
        assert record.job_id
        (path,) = record.outputs
        assert record.hashes[path] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
        made.add(path)
    assert len(made) == 2 * JOBS
    (software,) = (work.root / "software").iterdir()
    assert {record.software for record in records.values() if record} == {software.stem}
