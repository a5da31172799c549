"""The index of records: what changed is read, what is damaged made anew, two may come at once."""

import concurrent.futures
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lstosa_luigi.errors import InputError
from lstosa_luigi.layout import ProvenanceLayout
from lstosa_luigi.provenance.details import kept_config, read_details
from lstosa_luigi.provenance.difference import Kind, Side, compare
from lstosa_luigi.provenance.document import document_of
from lstosa_luigi.provenance.graph import Graph
from lstosa_luigi.provenance.index import Index


@pytest.fixture
def places(tmp_path: Path) -> ProvenanceLayout:
    directories: Any = SimpleNamespace(osa_dir=tmp_path / "OSA", analysis_dir=tmp_path / "analysis")
    return ProvenanceLayout(directories)


def write(places: ProvenanceLayout, title: str, *inputs: str, night: str = "20240302",
          prod_id: str = "v1", **more: Any) -> Path:  # fmt: skip
    """Write a record of a product that is made of *inputs* and called by its title."""
    product, unit = title.split()
    path = places.directories.analysis_dir / night / prod_id / f"records/{unit}_{product}.json"
    data = {
        "title": title, "state": "done", "start": "2024-03-02T20:00:00+00:00",
        "end": "2024-03-02T21:00:00+00:00", "argv": ["/env/bin/tool", "--config=cuts.json"],
        "inputs": inputs, "outputs": [f"/{prod_id}/{title}"], **more,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    aside.write_text(json.dumps(data))
    aside.replace(path)
    return path


def test_only_what_changed_is_read_again(places: ProvenanceLayout) -> None:
    old = write(places, "DL1A Run00001.0000", "/r0")
    write(places, "DL1A Run00002.0000", "/r0", night="20240303")
    for directory in places.record_directories():
        os.utime(directory, ns=(0, 0))
    index = Index(places)
    assert index.update() == 0
    write(places, "DL1B Run00001.0000", "/v1/DL1A Run00001.0000")
    assert index.update() == 1
    assert [one.title for one in index.below("/r0").below("/r0")][-1] == "DL1B Run00001.0000"
    old.unlink()
    index.update()
    assert index.above(["/v1/DL1B Run00001.0000"]).given(["/v1/DL1B Run00001.0000"]) == (
        "/v1/DL1A Run00001.0000",
    )


def test_a_record_that_comes_right_after_is_seen(places: ProvenanceLayout) -> None:
    write(places, "DL1A Run00001.0000")
    index = Index(places)
    directory = places.record_directories()[0]
    before = directory.stat().st_mtime_ns
    write(places, "DL1A Run00001.0001")
    os.utime(directory, ns=(before, before))  # as on a file system with coarse times
    assert index.update() == 1


@pytest.mark.parametrize(
    "content", [b"", b"no database at all", b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_damaged_index_is_made_anew(places: ProvenanceLayout, content: bytes) -> None:
    write(places, "DL1A Run00001.0000")
    Index(places).close()
    places.index().write_bytes(content)
    assert Index(places).find("/v1/DL1A Run00001.0000")
    assert Index(places).of_night("2024-03-02", "v1", 1)


def test_an_index_that_is_damaged_within_is_said_to_be(places: ProvenanceLayout) -> None:
    write(places, "DL1A Run00001.0000")
    index = Index(places)
    index._database.execute("DROP TABLE makes")
    with pytest.raises(InputError, match="Remove it; the next question makes it anew"):
        index.above(["/v1/DL1A Run00001.0000"])


def test_a_damaged_record_is_told_of(places: ProvenanceLayout) -> None:
    write(places, "DL1A Run00001.0000")
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"title": "DL2 x"}'), ("d", "\0")):
        (places.record_directories()[0] / f"{name}.json").write_text(text)
    index = Index(places)
    assert [Path(path).stem for path in index.damaged()] == ["a", "b", "c", "d"]
    assert len(index.of_night("2024-03-02")) == 1


def test_several_at_once_get_the_same_answer(places: ProvenanceLayout) -> None:
    for run in range(40):
        write(places, f"DL1A Run{run:05d}.0000", "/drive", night=f"202403{run % 20 + 1:02d}")

    def ask(_: int) -> int:
        index = Index(places)
        count = len(index.below("/drive").executions)
        index.close()
        return count

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(12))) == [40] * 12


def test_an_index_that_may_not_be_written_is_done_without(places: ProvenanceLayout) -> None:
    write(places, "DL1A Run00001.0000", "/drive")
    places.directories.osa_dir.write_text("a file where a directory should be")
    assert len(Index(places).below("/drive").executions) == 1


def test_what_newer_records_tell_is_used(places: ProvenanceLayout, tmp_path: Path) -> None:
    """Versions, hashes, agent, choices and kept configurations, as records of version 3 have."""
    sides = []
    for prod_id, digest, version, cut in (
        ("v1", "a" * 64, "0.12.3", 8),
        ("v2", "b" * 64, "0.12.4", 6),
    ):
        write(
            places, "DL1B Run00003.0000", "/r0", "/cuts.json", prod_id=prod_id,
            argv=["/env/bin/tool", "--config=/cuts.json", "/r0"], software=f"id-{prod_id}",
            configs={"/cuts.json": digest}, hashes={"/r0": digest}, agent={"user": "osa"},
            choices=[{"what": "tailcuts", "reason": prod_id}],
        )  # fmt: skip
        root = places.directories.analysis_dir / "20240302" / prod_id
        for path, data in (
            (root / f"software/id-{prod_id}.json", {"lstchain": version}),
            (root / f"configs/{digest}.json", {"picture": cut}),
        ):
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(data))
        file = f"/{prod_id}/DL1B Run00003.0000"
        graph = Index(places).above([file])
        sides.append(Side(file, graph, {one.record: read_details(places, one)
                                        for one in graph.executions}))  # fmt: skip
    found = compare(places, *sides, lambda details, path: kept_config(places, details, path))
    told = {one.kind: one for one in found}
    assert told[Kind.SOFTWARE].text == "lstchain: 0.12.3 -> 0.12.4"
    assert told[Kind.CONFIG].lines[-3:] == ('- "picture": 8', '+ "picture": 6', " }")
    assert told[Kind.INPUT].text == "r0 has other content"
    assert {one.text for one in found if one.kind is Kind.CHOICE} == {
        "only A: choice what: tailcuts, reason: v1", "only B: choice what: tailcuts, reason: v2",
    }  # fmt: skip
    text = document_of(places, Graph(sides[0].graph.executions), sides[0].about).get_provn()
    for part in ('lstosa:lstchain="0.12.3"', f'lstosa:sha256="{"a" * 64}"', "actedOnBehalfOf",
                 'prov:label="user: osa"', "prov:Plan"):  # fmt: skip
        assert part in text, part
