"""The graph of files and executions: who made what, last of all."""

import dataclasses

import pytest

from lstosa_luigi.provenance.graph import Execution, Graph, execution_of, role_of


def made(title: str, inputs: tuple[str, ...], *outputs: str, start: str = "1") -> Execution:
    data = {"title": title, "state": "done", "start": start, "end": start}
    return execution_of(f"{title}.json", "2024-03-02", "v1", {**data, "inputs": inputs,
                                                              "outputs": outputs})  # fmt: skip


DL1A = made("DL1A Run00003.0001", ("r0", "drive"), "dl1a", "muons")
DL1B = made("DL1B Run00003.0001", ("dl1a", "cuts"), "dl1b")
MUONS = made("MergedMuons Run00003", ("muons",), "merged")


def test_what_is_above_and_below() -> None:
    graph = Graph([MUONS, DL1B, DL1A])
    assert graph.above(["dl1b"]) == (DL1B, DL1A)
    assert graph.given(["dl1b"]) == ("cuts", "r0", "drive")
    assert set(graph.below("drive")) == {DL1A, DL1B, MUONS}
    assert graph.below("cuts") == (DL1B,)
    assert (graph.maker("r0"), graph.users("merged")) == (None, ())


def test_the_last_that_made_a_file_made_it() -> None:
    again = made("DL1B Run00003.0001", ("dl1a", "other"), "dl1b", start="2")
    again = dataclasses.replace(again, record="b.json")
    assert Graph([again, DL1B]).maker("dl1b") == again
    failed = dataclasses.replace(again, state="failed")
    assert Graph([failed, DL1B]).maker("dl1b") == DL1B


def test_what_is_made_of_itself_ends() -> None:
    graph = Graph([made("MergedRunSummary x", ("all", "new"), "all")])
    assert len(graph.above(["all"])) == len(graph.below("all")) == 1


@pytest.mark.parametrize(
    ("title", "run", "subrun"),
    [
        ("DL1A Run00003.0001", 3, 1),
        ("DL2 Run01807", 1807, None),
        ("IRF dec_2276", None, None),
        ("DL3Index Running_star", None, None),
    ],
)
def test_run_and_subrun_are_told_from_the_title(title: str, run: object, subrun: object) -> None:
    one = made(title, ())
    assert (one.run, one.subrun) == (run, subrun)


def test_what_is_no_record_is_refused() -> None:
    data = {"title": "DL2 x", "state": "done", "start": "", "end": "", "outputs": []}
    for inputs in ("path", 3, None):
        with pytest.raises(TypeError):
            execution_of("a.json", "", "", {**data, "inputs": inputs})
    with pytest.raises(KeyError):
        execution_of("a.json", "", "", data)


def test_the_role_of_a_file_is_the_option_that_names_it() -> None:
    argv = ("tool", "--input-file=a", "-c", "b", "plain", "d", "--flag")
    assert [role_of(argv, path) for path in "abcd"] == ["input-file", "c", "", ""]
