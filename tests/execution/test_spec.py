"""A job travels as JSON."""

import json

from lstosa_luigi.execution.spec import Job, Output

SMALL = Job("n", "t", ("true",), (Output("/final", "made"),), "/log", "/record", "/scratch")
FULL = Job(
    name="Run01807.0003_DL1A",
    title="DL1A Run01807.0003",
    argv=("/bin/lstchain_data_r0_to_dl1", "--output-dir={scratch}", "--name=Mrk 421 é"),
    outputs=(
        Output("/dl1/dl1.h5", "dl1*.h5", tables=("/a", "/b"), min_rows=2),
        Output("/dl1/muons.fits", "muons.fits", required=False),
    ),
    log="/log/a.log",
    record="/records/a.json",
    scratch="/.scratch",
    inputs=("/r0/1.fits.fz", "/r0/2.fits.fz"),
    staged={"in/a": "/somewhere/a"},
    copied={"b": "/somewhere/b"},
    links={"/link": "/dl1/dl1.h5"},
    environment={"PATH": "/bin"},
    resource_class="dl1a",
)


def test_job_comes_back_from_json_as_it_was():
    for job in (SMALL, FULL):
        assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_job_that_came_back_can_be_told_from_another():
    data = FULL.to_json()
    data["outputs"][0]["min_rows"] = 3
    assert Job.from_json(data) != FULL
