"""What an array consists of comes back from disk as it was."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstosa_luigi.execution.slurm.manifest import (
    Manifest,
    element_log,
    jobs_of,
    read_manifest,
    write_manifest,
)
from lstosa_luigi.execution.slurm.options import Resources
from lstosa_luigi.execution.slurm.parse import ElementId
from lstosa_luigi.execution.spec import Job, Output
from tests.execution.slurm.cluster import make_job

ENVIRONMENT = {"NUMBA_CACHE_DIR": "/cache/numba", "MPLBACKEND": "Agg"}


def manifest_of(elements, **changes):
    values = {
        "name": "lstosa-LST1-20200117-v0.1.0-DL1A-Run01807-0a1b2c3d",
        "title": "DL1A Run01807, LST1-20200117-v0.1.0",
        "written": 1579334400.25,
        "resources": Resources(6144, 4500).to_json(),
        "elements": elements,
        "tries": {},
    }
    return Manifest(**{**values, **changes})


def as_read(manifest):
    """JSON knows lists only."""
    resources = json.loads(json.dumps(manifest.resources))
    return manifest._replace(resources=resources)


def test_manifest_is_read_as_it_was_written(tmp_path):
    elements = {
        n: [make_job(tmp_path, n), make_job(tmp_path, n, "DL1Check", inputs=(f"/dl1/{n}",))]
        for n in (0, 3, 7)
    }
    manifest = manifest_of(elements, tries={"Run01807.0003_DL1A": 2})
    path = write_manifest(tmp_path / "arrays", manifest)
    assert path == tmp_path / "arrays/lstosa-LST1-20200117-v0.1.0-DL1A-Run01807-0a1b2c3d.json"
    assert read_manifest(path) == as_read(manifest)
    assert Resources.from_json(read_manifest(path).resources) == Resources(6144, 4500)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_all_jobs_share_is_stored_once(tmp_path):
    elements = {
        n: [make_job(tmp_path, n, environment=ENVIRONMENT, argv=("dl1ab", f"--subrun={n}"))]
        for n in range(100)
    }
    data = json.loads(write_manifest(tmp_path, manifest_of(elements)).read_text())
    assert data["shared"]["environment"] == ENVIRONMENT
    assert set(data["elements"]["7"][0]) == {
        *("name", "title", "argv", "outputs", "log", "record", "number"),
    }
    assert json.dumps(data).count("/cache/numba") == 1


def test_array_of_one_job_shares_all_of_it(tmp_path):
    job = make_job(tmp_path, 3)
    data = json.loads(write_manifest(tmp_path, manifest_of({3: [job]})).read_text())
    assert data["elements"] == {"3": [{}]}
    assert jobs_of(data, "3") == [job]


@pytest.mark.parametrize("text", ["", "{", "{}", '{"name": "x"}'])
def test_what_is_no_manifest_is_an_error(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises((ValueError, KeyError)):
        read_manifest(path)
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path / "nosuch.json")


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
mappings = st.dictionaries(names, names, max_size=2)
outputs = st.builds(
    Output,
    path=names,
    made=names,
    tables=st.lists(names, max_size=2).map(tuple),
    min_rows=st.integers(0, 9),
    required=st.booleans(),
)
jobs = st.builds(
    Job,
    name=names,
    title=names,
    argv=st.lists(names, max_size=3).map(tuple),
    outputs=st.lists(outputs, min_size=1, max_size=2).map(tuple),
    log=names,
    record=names,
    scratch=names,
    number=st.none() | st.integers(0, 99),
    inputs=st.lists(names, max_size=2).map(tuple),
    staged=mappings,
    copied=mappings,
    links=mappings,
    environment=mappings,
    priority=st.integers(-1, 1),
    choices=st.lists(names, max_size=2).map(tuple),
    software=mappings,
    about=st.fixed_dictionaries({"date": names, "run": st.none() | st.integers(0, 9)}),
    made_below=st.lists(names, max_size=2).map(tuple),
)
arrays = st.dictionaries(
    st.integers(0, 999), st.lists(jobs, min_size=1, max_size=3), min_size=1, max_size=4
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(arrays)
def test_any_jobs_come_back(elements):
    with tempfile.TemporaryDirectory() as folder:
        manifest = manifest_of(elements, name="a")
        assert read_manifest(write_manifest(Path(folder), manifest)) == as_read(manifest)


def test_log_of_an_element_is_named_after_product_array_and_index(tmp_path):
    job = make_job(tmp_path, 3)
    log = tmp_path / "v0.1.0/log/Run01807.0003_DL1A_1234_3.log"
    assert element_log(job, ElementId(1234, 3)) == str(log)
