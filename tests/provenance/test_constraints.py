"""PROV documents are valid under W3C PROV-CONSTRAINTS, as far as it speaks of what they state.

Numbers are those of the recommendation of 30 April 2013, https://www.w3.org/TR/prov-constraints/.

By ``prov``, whose unification raises: 22, 23, 53, 54, 55. Here: 24, one generation of a file by an
activity; 50 with 55, no entity is an activity by what relations say either; 51, a derivation
without an activity names no generation or usage; and the ordering 30, 33, 34, 37, 39, 41, 42, 47,
49, with what inferences 8, 11 and 14 add.

Any other kind of record is refused, so that nothing can break 25-29, 31, 32, 35, 36, 38, 40, 43-46,
48, 52 and 56. (35 follows from 34, 37 and 33; nothing has to come after an invalidation.)

The recommendation compares no times. Here they order events too, which is stricter: a second that
is written is the one in which it happened, so that two equal ones say nothing."""

import itertools
import json
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from prov import model
from prov.model import ProvDocument

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight

TYPES = {
    model.ProvActivity: "activity", model.ProvAgent: "agent", model.ProvEntity: "entity",
    model.ProvUsage: "activity entity", model.ProvGeneration: "entity activity",
    model.ProvDerivation: "entity entity activity", model.ProvAssociation: "activity agent entity",
    model.ProvDelegation: "agent agent activity",
}  # fmt: skip
"""What the arguments of a record are (50)."""
ORDER = {
    model.ProvActivity: "30 start0 end0",
    model.ProvUsage: "33 start0 usage end0; 37 made1 usage",
    model.ProvGeneration: "34 start1 made0 end1",
    model.ProvDerivation: "42 made1 made0; 33 start2 usage end2; 34 start2 made0 end2; "
                          "37 made1 usage; 41 usage made0",
    model.ProvAssociation: "47 made1 end0; 47 start1 end0; 47 start0 end1",
    model.ProvDelegation: "49 start1 end0; 47 made0 end2; 47 made1 end2; 47 start0 end2; "
                          "47 start1 end2; 47 start2 end0; 47 start2 end1",
}  # fmt: skip
"""Which event of which argument is not after the next; all that made a file is one event (39)."""
TIMES = {model.ProvActivity: {1: "start0", 2: "end0"}, model.ProvUsage: {2: "usage"},
         model.ProvGeneration: {2: "made0"}}  # fmt: skip
"""Which argument is the time of which event."""


def violations(document: ProvDocument) -> list[str]:
    """Return what a document violates, each with the numbers of the constraints before a colon."""
    if document.bundles or any(type(one) not in TYPES for one in document.get_records()):
        raise NotImplementedError("a kind of record that our documents do not have")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", model.ProvFutureRejectionWarning)
            unified = document.unified().get_records()
    except (model.ProvException, model.ProvFutureRejectionWarning) as error:
        return [f"prov: {error}"]
    records = [(r, r.args if r.is_relation() else (r.identifier, *r.args)) for r in unified]
    return [*impossible(records), *contradictions(order_of(records))]


def impossible(records: list[tuple[Any, tuple]]) -> list[str]:
    """Return violations of 24, 50 with 55, and 51."""
    wrong = []
    kinds: dict[Any, set[str]] = defaultdict(set)
    made: dict[tuple, set[tuple]] = defaultdict(set)
    for one, told in records:
        for name, kind in zip(told, TYPES[type(one)].split(), strict=False):
            kinds[name].add(kind)
        if isinstance(one, model.ProvGeneration) and told[1] is not None:
            values = {"id": one.identifier, "time": told[2]}
            made[told[:2]] |= {(key, value) for key, value in values.items() if value}
        if isinstance(one, model.ProvDerivation) and any(told[3:]):
            if told[2] is not None:
                raise NotImplementedError("a derivation that names its generation or usage")
            wrong.append(f"51: {one}")
    wrong += [f"24: {names}" for names, kept in made.items() if len(kept) > len(dict(kept))]
    both = {"entity", "activity"}
    return wrong + [f"50, 55: {name}" for name in kinds if name and both <= kinds[name]]


def order_of(records: list[tuple[Any, tuple]]) -> nx.MultiDiGraph:
    """Return events with an edge to each that a constraint, or a later time, puts after it."""
    graph = nx.MultiDiGraph()
    times = []
    for number, (one, told) in enumerate(records):
        events = {f"{word}{place}": (word, name) for place, name in enumerate(told)
                  for word in ("start", "made", "end")}  # fmt: skip
        is_unknown = isinstance(one, model.ProvDerivation) and told[2] is None
        events["usage"] = ("usage", None if is_unknown else number)
        for constraint, *words in map(str.split, ORDER.get(type(one), "-").split(";")):
            known = [events[word] for word in words if events[word][1] is not None]
            for pair in itertools.pairwise(known):
                graph.add_edge(*pair, constraint=constraint, strict=constraint == "42")
        places = TIMES.get(type(one), {}).items()
        times += [(events[word], told[place]) for place, word in places if told[place]]
    following = dict(itertools.pairwise(sorted({time for _, time in times})))
    for event, time in times:
        graph.add_edge(("second", time), event, constraint="times", strict=False)
        if time in following:
            graph.add_edge(event, ("second", following[time]), constraint="times", strict=True)
    return graph


def contradictions(graph: nx.MultiDiGraph) -> list[str]:
    """Return cycles with a strict edge: what lies on a cycle is simultaneous."""
    part = nx.condensation(graph).graph["mapping"]
    cycles = defaultdict(list)
    for before, after, edge in graph.edges(data=True):
        if part[before] == part[after]:
            cycles[part[before]].append((edge["constraint"], edge["strict"], before))
    return [
        f"{', '.join(sorted({one[0] for one in edges}))}: {sorted({one[2][0] for one in edges})}"
        for edges in cycles.values() if any(strict for _, strict, _ in edges)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def documents(closed: FakeNight) -> dict[str, ProvDocument]:
    found = {}
    for words in ((), ("--full",)):
        answer = closed.lstosa("provenance", "--date", closed.date, "--json", *words)
        assert answer.returncode == ExitCode.OK, answer.stderr
        for one in json.loads(answer.stdout)["documents"]:
            name = one["files"][0]
            found[Path(name).stem] = ProvDocument.deserialize(name, format="json")
    return found


def test_every_document_of_the_night_is_valid(documents: dict[str, ProvDocument]) -> None:
    assert len(documents) == 10
    for name, one in documents.items():
        assert violations(one) == [], name
        assert one.unified().get_records() == one.get_records(), f"{name}: two records are one"


def test_any_derivation_turned_round_is_refused(documents: dict[str, ProvDocument]) -> None:
    one = documents["night_20240302_prov"]
    derivations = [derivation.args[:2] for derivation in one.get_records(model.ProvDerivation)]
    assert len(derivations) == 121
    for made, source in derivations:
        other = ProvDocument(one.get_records())
        other.wasDerivedFrom(source, made)
        assert any("42" in text.partition(":")[0] for text in violations(other)), (made, source)


INVALID = {
    "prov": ("activity a 0 2; activity a 1", "activity a; entity a", "entity e; used a e - e",
             "used a e - r; wasGeneratedBy e a - r",
             "wasAssociatedWith a g p r; wasAssociatedWith a g - r"),
    "24": ("wasGeneratedBy e a - g; wasGeneratedBy e a - h",
           "wasGeneratedBy e a 0; wasGeneratedBy e a 1"),
    "30, times": ("activity a 2 0",),
    "33, times": ("activity a 0 2; used a e 4",),
    "34, times": ("activity a 3 5; wasGeneratedBy e a 0",
                  "activity a 0 2; activity b 3 5; wasGeneratedBy e a; wasGeneratedBy e b"),
    "33, 34, 37, times": ("activity a 0 2; activity b 3 5; used a e; wasGeneratedBy e b",),
    "42": ("wasDerivedFrom e e", "wasDerivedFrom e f; wasDerivedFrom f e"),
    "37, 41, 42": ("wasDerivedFrom e f a; wasDerivedFrom f e b",),
    "34, 47, times": (
        "activity a 0 2; activity b 3 5; wasAssociatedWith a g; wasGeneratedBy g b",
        "activity a 0 2; activity b 3 5; actedOnBehalfOf g h a; wasGeneratedBy h b"),
    "47, times": ("activity a 0 2; activity b 3 5; wasAssociatedWith a b",),
    "49, times": ("activity a 0 2; activity b 3 5; actedOnBehalfOf a b",),
    "50, 55": ("activity a; activity b; used a b", "activity a; wasAssociatedWith b g a"),
    "51": ("wasDerivedFrom e f - - u",),
}  # fmt: skip
"""By the constraints that they violate, documents: a digit is a second, a letter an identifier."""


def document_of(text: str) -> ProvDocument:
    one = ProvDocument()
    one.add_namespace("id", "urn:id:")
    for method, *words in (statement.split() for statement in text.split("; ")):
        told = [f"2024-03-03T10:00:0{w}" if w.isdigit() else f"id:{w}" for w in words]
        getattr(one, method)(*(None if value == "id:-" else value for value in told))
    return one


@pytest.mark.parametrize(
    ("constraints", "text"), [(key, text) for key, texts in INVALID.items() for text in texts]
)
def test_what_is_invalid_is_refused(constraints: str, text: str) -> None:
    found = violations(document_of(text))
    assert [one.partition(":")[0] for one in found][:1] == [constraints], found


def test_equal_times_say_nothing_and_what_we_do_not_write_is_not_judged() -> None:
    steps = "activity a 0 0; activity b 0 0; wasDerivedFrom f e a; wasDerivedFrom g f b"
    assert violations(document_of(steps)) == []
    for text in ("wasInvalidatedBy e a", "specializationOf e f", "wasDerivedFrom e f a g"):
        with pytest.raises(NotImplementedError):
            violations(document_of(text))


def test_file_made_again_after_it_was_used_is_another_entity(closed: FakeNight) -> None:
    """As between the repair of a calibration and the new DL1A: the old one came of the old."""
    record = closed.analysis / "records/Run00002_ChargeCalibration.json"
    text = record.read_text()
    data = json.loads(text)
    later = {"start": "2030-01-01T00:00:00+00:00", "end": "2030-01-01T00:00:01+00:00"}
    files = {path: (size, time + 10**9) for path, (size, time) in data["files"].items()}
    try:
        record.write_text(json.dumps({**data, **later, "files": files}))
        words = ("--date", closed.date, "--run", "3", "--no-graph", "--json")
        told = json.loads(closed.lstosa("provenance", *words).stdout)["documents"]
        documents = [ProvDocument.deserialize(one["files"][0], format="json") for one in told]
        why = closed.lstosa("why", "dl2_LST-1.Run00003.h5").stdout
    finally:
        record.write_text(text)
        closed.lstosa("provenance", "--date", closed.date, "--run", "3", "--no-graph")
    assert "calibration_filters_52.Run00002.0000.h5  <- ChargeCalibration Run00002" in why
    assert "(made again since it was read for this)" in why
    assert len(documents) == 2
    for document in documents:
        assert violations(document) == []
        assert "calibration_filters_52.Run00002.0000.h5, as of 20" in document.get_provn()
