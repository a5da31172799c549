"""PROV documents: whole, the same when read again, and with a way from every product to R0."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from prov.model import ProvAgent, ProvAssociation, ProvDocument, ProvGeneration, ProvUsage

from lstosa_luigi.errors import ExitCode
from lstosa_luigi.provenance import document, drawing
from tests.fakes.night import FakeNight

FORMS = ("json", "provn", "xml", "svg", "pdf")
COUNTS = {
    "calibration_to_dl1_00003_prov": (22, 10, 23, 15),
    "calibration_to_dl2_00003_prov": (33, 15, 38, 23),
    "night_20240302_prov": (54, 28, 70, 43),
}
"""Entities, activities, used and generated, as docs/reference/provenance.rst has them."""
OF_SIMULATIONS = {"RandomForests", "TestingDL2", "IRF"}
OF_THE_LIST = {"RunSummary", "PointedRunSummary"}
"""What names no raw file, but the directory of them all."""
OF_THE_TELESCOPE = {"DL1A", "DL1B", "Tailcuts", "MergedDL1", "DL2", "DL3", "DL3Index"}


@pytest.fixture(scope="module")
def written(closed: FakeNight) -> dict[str, dict]:
    answer = closed.lstosa("provenance", "--date", closed.date, "--json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    documents = json.loads(answer.stdout)["documents"]
    return {Path(one["files"][0]).stem: one for one in documents}


def test_documents_lie_where_lstosa_has_them(closed: FakeNight, written) -> None:
    cuts = "20240302/v0.12.3/tailcut84"
    places = {
        f"DL1/{cuts}/log/calibration_to_dl1_{run}_prov" for run in ("00003", "00004")
    } | {f"DL2/{cuts}/nsb_tuning_0.14/log/calibration_to_dl2_{run}_prov"
         for run in ("00003", "00004")}  # fmt: skip
    places.add("running_analysis/20240302/v0.12.3/log/night_20240302_prov")
    files = {Path(file) for one in written.values() for file in one["files"]}
    assert files == {closed.base / f"{place}.{form}" for place in places for form in FORMS}
    answer = closed.lstosa("verify", "--date", closed.date, "--json")
    assert json.loads(answer.stdout)["findings"] == [], "no product, but not foreign either"


def test_documents_are_the_same_when_read_again(written) -> None:
    for name, counts in COUNTS.items():
        files = {Path(file).suffix[1:]: file for file in written[name]["files"]}
        one = ProvDocument.deserialize(files["json"], format="json")
        assert one == ProvDocument.deserialize(files["xml"], format="xml")
        lines = sorted(one.get_provn().splitlines())
        assert lines == sorted(Path(files["provn"]).read_text().splitlines())
        told = document.counts_of(one)
        assert (told.entities, told.activities, told.used, told.generated) == counts
        assert written[name]["activities"] == counts[1]


def test_what_is_drawn_is_whole_and_can_be_clicked(written) -> None:
    files = {Path(file).suffix[1:]: Path(file) for file in written["night_20240302_prov"]["files"]}
    svg = files["svg"].read_text()
    boxes = re.findall(r"<title>id:activity\.\w+</title>", svg)
    assert len(boxes) == COUNTS["night_20240302_prov"][1]
    assert "DrivePosition_log_20240302.txt" in svg
    assert 'xlink:href="../../../../DL2/20240302' in svg
    assert files["pdf"].read_bytes().startswith(b"%PDF")


def test_without_graphviz_the_documents_are_written_all_the_same(
    closed: FakeNight, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(drawing.InputError, match="Install graphviz"):
        drawing.draw("digraph {}", "svg")


class Way:
    """A document, walked from a file over what generated it and what that used."""

    def __init__(self, one: ProvDocument) -> None:
        def pairs(kind: type) -> list[tuple[str, str]]:
            return [tuple(map(str, r.args[:2])) for r in one.get_records(kind)]

        self.used = pairs(ProvUsage)
        self.made = pairs(ProvGeneration)
        self.by = pairs(ProvAssociation)
        self.agents = {str(agent.identifier) for agent in one.get_records(ProvAgent)}
        self.location = {
            str(r.identifier): next(str(v) for k, v in r.attributes if str(k) == "prov:location")
            for r in one.get_records() if "file." in str(r.identifier)
        }  # fmt: skip

    def reached(self, entity: str, used: list[tuple[str, str]]) -> tuple[set[str], set[str]]:
        """Return the names of all files on the way from one, and the agents."""
        seen, agents, queue = {entity}, set(), [entity]
        for file in queue:
            for activity in (a for e, a in self.made if e == file):
                agents |= {agent for a, agent in self.by if a == activity}
                new = {e for a, e in used if a == activity} - seen
                seen |= new
                queue += new
        return {Path(self.location[one]).name for one in seen}, agents


@pytest.fixture(scope="module")
def full(closed: FakeNight) -> SimpleNamespace:
    night = json.loads(
        closed.lstosa("provenance", "--date", closed.date, "--full", "--json").stdout
    )["documents"][-1]
    one = ProvDocument.deserialize(night["files"][0], format="json")
    records = [json.loads(path.read_text()) for path in closed.analysis.glob("records/*.json")]
    return SimpleNamespace(way=Way(one), records=records)


def lacking(way: Way, records: list[dict], used: list[tuple[str, str]]) -> list[str]:
    """Return the products that do not lead to all that they come from."""
    entities = {location: entity for entity, location in way.location.items()}
    found = []
    for record in records:
        product = record["title"].partition(" ")[0]
        for output in record["files"]:
            names, agents = way.reached(entities[output], used)
            makers = {a for e, a in way.made if e == entities[output]}
            direct = {way.location[e] for a, e in used if a in makers}
            wanted = set()
            if product in OF_THE_TELESCOPE:
                wanted |= {"DrivePosition_log_20240302.txt", "LST-1.1.Run00001.0000.fits.fz"}
                wanted |= {"RunSummary_20240302.ecsv"}
            raw = "20240302" if product in OF_THE_LIST else ".fits.fz"
            has_raw = any(name.endswith(raw) for name in names)
            has_config = product not in ("DL1B", "MergedDL1", "DL2", "DL3") or any(
                name.startswith("dl1ab_Run") for name in names
            )
            is_whole = set(record["inputs"]) == direct and wanted <= names and has_config
            is_whole = is_whole and agents and agents <= way.agents
            if not is_whole or not (has_raw or product in OF_SIMULATIONS):
                found.append(f"{record['title']}: {output}")
    return found


def test_every_product_leads_to_raw_data_drive_log_configuration_and_software(full) -> None:
    assert lacking(full.way, full.records, full.way.used) == []


def test_without_any_one_edge_a_product_lacks_something(full) -> None:
    assert len(full.way.used) == 139
    for edge in full.way.used:
        used = [other for other in full.way.used if other != edge]
        # what the edge led from is enough to look at
        file = {e for e, a in full.way.made if a == edge[0]}
        records = [
            r for r in full.records if {full.way.location[e] for e in file} & set(r["files"])
        ]
        assert lacking(full.way, records, used), edge


def test_a_document_says_who_what_and_by_which_configuration(closed: FakeNight, written) -> None:
    path = written["calibration_to_dl1_00003_prov"]["files"][0]
    one = ProvDocument.deserialize(path, format="json")
    associations = [tuple(map(str, r.args[:3])) for r in one.get_records(ProvAssociation)]
    assert len({activity for activity, *_ in associations}) == 10, "each has an agent"
    plans = {Way(one).location[plan] for *_, plan in associations if plan != "None"}
    assert {Path(plan).name for plan in plans} == {"dl1ab_Run00003.json"}
    roles = {str(v) for r in one.get_records(ProvUsage) for v in r.get_attribute("prov:role")}
    assert {"lstosa:pointing-file", "lstosa:calibration-file", "lstosa:config"} < roles
    text = one.get_provn()
    assert "prov:type='prov:Collection'" in text
    assert "lstosa:n_files=2" in text


def test_after_closing_documents_are_written_with_the_pages_and_are_in_nobodys_way(
    make_night, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1))
    night = make_night(runs=runs, options={"pages": {"enabled": "true"}})
    broken = night.root / "broken"
    broken.mkdir()
    (broken / "dot").write_text("#!/bin/sh\necho no fonts >&2\nexit 1\n")
    (broken / "dot").chmod(0o755)
    variables = night.variables()
    path = f"{broken}:{variables['PATH']}"
    monkeypatch.setattr(night, "variables", lambda: {**variables, "PATH": path})
    done = night.luigi()
    assert done.returncode == ExitCode.OK, done.stdout
    assert night.flag.exists()
    assert done.stdout.count("WARNING  No graph is drawn: dot says no fonts") == 1
    found = {path.name for path in night.base.rglob("*_prov.*")}
    names = ("calibration_to_dl1_00003", "calibration_to_dl2_00003", "night_20240302")
    assert found == {f"{name}_prov.{form}" for name in names for form in FORMS[:3]}
    (page,) = night.base.rglob("osa_status_LST-1_20240302.html")
    assert all(f"{name}_prov.json" in page.read_text() for name in names)


def test_documents_are_written_once_and_never_into_a_tree_that_was_copied(make_night) -> None:
    night = make_night(runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 1)),
                       options={"pages": {"enabled": "true"}})  # fmt: skip
    assert night.luigi().returncode == 0

    def documents(base: Path) -> dict[str, int]:
        found = base.rglob("*_prov.*")
        return {str(path.relative_to(base)): path.stat().st_mtime_ns for path in found}

    before = documents(night.base)
    assert len(before) == 15
    assert night.luigi().returncode == 0
    assert documents(night.base) == before, "nothing was made since"
    copy = night.root / "copy"
    shutil.copytree(night.base, copy, symlinks=True)
    (copy / night.flag.relative_to(night.base)).unlink()
    night.write_config(paths={"base": str(copy)})
    assert night.luigi().returncode == 0
    assert documents(night.base) == before
    night.write_config()
