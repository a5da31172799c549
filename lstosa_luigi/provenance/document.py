"""W3C PROV documents of runs and nights, by the ``prov`` package. Nothing here writes a file.

Every execution is an activity, every file an entity. A document of collections has what is made of
each subrun as one activity of one product, and its files as one collection; a full one has all.

======================  ==========================================================================
PROV                    here
======================  ==========================================================================
activity                an execution, or all of a product of a run, with start, end, command, host
entity                  a file, with size, time and SHA-256 as far as they are known
collection              files of the subruns of a run that are of one kind; all raw data of a night
plan                    a configuration, in the association of an activity with its software
agent                   software with its versions (``prov:SoftwareAgent``); who had it made
used, wasGeneratedBy    with the role of the file: the option that the command took it by
wasDerivedFrom          each file made, from each file that its activity used
======================  ==========================================================================
"""

from __future__ import annotations

__all__ = ["ROOT", "Counts", "counts_of", "document_of"]

import dataclasses
import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lstosa_luigi.layout import RAW_NIGHT, ProvenanceLayout
from lstosa_luigi.provenance.details import Details, is_earlier
from lstosa_luigi.provenance.graph import Execution, Graph, role_of

ROOT = "urn:lstosa-luigi"
"""Namespace of what PROV has no word for."""
SUBRUN = re.compile(r"(Run\d{5})\.\d{4}")
STREAM = re.compile(r"(LST-\d)\.[1-9]\.(Run\d{5})")
EARLIER = ", as of "
"""Between a file and the time of change of a version that was made again since."""
ATTRIBUTES = ("host", "job_id", "source")


@dataclasses.dataclass(frozen=True)
class Counts:
    """How much a document holds.

    Parameters
    ----------
    entities, activities, used, generated : int
        Elements and relations; a plan is an entity too.
    """

    entities: int
    activities: int
    used: int
    generated: int


def counts_of(document: Any) -> Counts:
    """Return how much a document holds."""
    from prov.model import ProvActivity, ProvEntity, ProvGeneration, ProvUsage

    kinds = (ProvEntity, ProvActivity, ProvUsage, ProvGeneration)
    return Counts(*(len(list(document.get_records(kind))) for kind in kinds))


def document_of(
    places: ProvenanceLayout, graph: Graph, about: Mapping[str, Details], full: bool = False
) -> Any:
    """Return the document of a graph.

    Parameters
    ----------
    places : ProvenanceLayout
        What tells raw data from a drive log.
    graph : Graph
        All that is to be in it.
    about : dict of str to Details
        By record; what is not in it has neither command nor software.
    full : bool
        Every subrun by itself; default: those of a run as collections.

    Returns
    -------
    prov.model.ProvDocument
        The same of the same records.
    """
    return _Writer(places, graph, about, full).document


class _Writer:
    """Puts a graph into a document, element by element."""

    def __init__(
        self, places: ProvenanceLayout, graph: Graph, about: Mapping[str, Details], full: bool
    ):
        from prov.model import PROV, ProvDocument

        self.prov = PROV
        self.places, self.graph, self.about, self.full = places, graph, about, full
        self.document = ProvDocument()
        self.document.add_namespace("lstosa", f"{ROOT}:term:")
        self.document.add_namespace("id", f"{ROOT}:id:")
        self._entities: dict[str, Any] = {}
        self._agents: dict[tuple[str, str], Any] = {}
        known = [about[one.record] for one in graph.executions if one.record in about]
        configs = {path for one in known for path in one.configs}
        self.files: dict[str, list[str]] = {}
        for one in graph.executions:
            for path in one.inputs:
                self.files.setdefault(self._read_name(path, one), []).append(path)
            for path in one.outputs:
                self.files.setdefault(self._collected(path), []).append(path)
        self.plans = {self._collected(path) for path in configs}
        for ones in self._activities().values():
            self._activity(ones)

    def _collected(self, path: str) -> str:
        """Return what stands for a file: itself, or the pattern of those that are like it."""
        if self.full:
            return path
        return STREAM.sub(r"\1.*.\2", SUBRUN.sub(r"\1.*", path))

    def _read_name(self, path: str, one: Execution) -> str:
        """Return what stands for a file as an execution read it.

        One that was made again since is another entity: nothing is used before it is generated.
        """
        name = self._collected(path)
        if not is_earlier(self.graph, self.about, path, one):
            return name
        _, changed = self.about[one.record].sizes[path]
        when = datetime.datetime.fromtimestamp(changed / 1e9, datetime.timezone.utc)
        return f"{name}{EARLIER}{when:%Y-%m-%dT%H:%M:%S}"

    def _activities(self) -> dict[str, list[Execution]]:
        """Return executions by what they are called in the document."""
        found: dict[str, list[Execution]] = {}
        for one in self.graph.executions:
            title = one.title if self.full else SUBRUN.sub(r"\1", one.title)
            found.setdefault(f"{title} {one.date} {one.prod_id}", []).append(one)
        return found

    def _activity(self, ones: list[Execution]) -> None:
        first = ones[0]
        known = [self.about[one.record] for one in ones if one.record in self.about]
        title = first.title if len(ones) == 1 else SUBRUN.sub(r"\1", first.title)
        values: dict[str, Any] = {
            "prov:label": title,
            "prov:type": self._name(first.product),
            "lstosa:date": first.date,
            "lstosa:prod_id": first.prod_id,
        }
        if first.run is not None:
            values["lstosa:run"] = first.run
        if len(ones) > 1:
            values["lstosa:n_subruns"] = len({one.subrun for one in ones})
        elif first.subrun is not None:
            values["lstosa:subrun"] = first.subrun
        if known:
            values["lstosa:tool"] = known[0].tool
        if known and len(ones) == 1:
            values["lstosa:command"] = " ".join(known[0].argv)
            for name in ATTRIBUTES:
                if getattr(known[0], name):
                    values[f"lstosa:{name}"] = getattr(known[0], name)
            values["lstosa:attempt"] = known[0].attempt
        texts = {
            (f"lstosa:{name}", text)
            for one in known
            for name, told in (
                ("choice", one.choices),
                ("decided", one.decided),
                ("earlier", one.earlier),
            )
            for text in told
        }
        activity = self.document.activity(
            self._id("activity", f"{title} {first.date} {first.prod_id}"),
            _time(min(one.start for one in ones)),
            _time(max(one.end for one in ones)),
            [*values.items(), *sorted(texts)],
        )
        argv = {path: details.argv for details in known for path in details.execution.inputs}
        used = self._use(activity, ones, argv)
        for name in self._names(path for one in ones for path in one.outputs):
            entity = self._entity(name)
            self.document.wasGeneratedBy(
                entity, activity, None, None, {"prov:role": self._name(first.product)}
            )
            for source in used:
                if source is not entity:
                    self.document.wasDerivedFrom(entity, source, activity)
        self._associate(activity, known)

    def _use(
        self, activity: Any, ones: list[Execution], argv: Mapping[str, tuple[str, ...]]
    ) -> list[Any]:
        """Say what an activity used; return that."""
        roles: dict[str, str] = {}
        for path, user in ((p, one) for one in ones for p in one.inputs):
            name = self._read_name(path, user)
            role = role_of(argv.get(path, ()), path)
            roles[name] = roles.get(name) or role
        used = []
        for name, role in roles.items():
            entity = self._entity(name)
            told = role or self.places.kind(self.files[name][0]) or "input"
            self.document.used(activity, entity, None, None, {"prov:role": self._name(told)})
            used.append(entity)
        return used

    def _associate(self, activity: Any, known: list[Details]) -> None:
        """Say which software did it, by which configuration, and who had it do so."""
        agents: dict[str, Details] = {}
        for details in known:
            agents.setdefault(_software_of(details), details)
        for name, details in agents.items():
            if not name:
                continue
            agent = self._agent("software", name, "SoftwareAgent", details.software)
            plans = [self._entity(plan) for plan in self._names(details.configs)]
            for plan in plans or [None]:
                self.document.wasAssociatedWith(
                    activity, agent, plan, None, {"prov:role": self._name("software")}
                )
            who = ", by ".join(filter(None, (details.agent, details.service)))
            if who:
                person = self._agent("agent", who, "Person", {})
                if (name, who) not in self._agents:
                    self._agents[name, who] = self.document.actedOnBehalfOf(agent, person)

    def _agent(self, what: str, name: str, kind: str, versions: Mapping[str, str]) -> Any:
        if (what, name) not in self._agents:
            values: list[tuple[str, Any]] = [("prov:label", name), ("prov:type", self.prov[kind])]
            values += [(f"lstosa:{_word(key)}", value) for key, value in sorted(versions.items())]
            self._agents[what, name] = self.document.agent(self._id(what, name), values)
        return self._agents[what, name]

    def _names(self, paths: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(map(self._collected, paths)))

    def _entity(self, name: str) -> Any:
        if name in self._entities:
            return self._entities[name]
        paths = list(dict.fromkeys(self.files.get(name, [name])))
        maker = self.graph.maker(paths[0])
        kind = (maker.product if maker else self.places.kind(paths[0])) or "file"
        pattern, earlier, when = name.partition(EARLIER)
        place = Path(pattern if len(paths) > 1 else paths[0])
        label = "/".join(place.parts[-2:]) if kind == RAW_NIGHT else place.name
        values: list[tuple[str, Any]] = [
            ("prov:label", f"{label}{earlier}{when}"),
            ("prov:location", str(place)),
            ("prov:type", self._name(kind)),
        ]
        if kind == RAW_NIGHT:
            values.append(("prov:type", self.prov["Collection"]))
        elif len(paths) > 1:
            values += [("prov:type", self.prov["Collection"]), ("lstosa:n_files", len(paths))]
        elif not earlier:
            values += self._content(paths[0], maker)
        if name in self.plans:
            values.append(("prov:type", self.prov["Plan"]))
        entity = self.document.entity(self._id("file", name), values)
        self._entities[name] = entity
        return entity

    def _content(self, path: str, maker: Execution | None) -> list[tuple[str, Any]]:
        """Return size and hash of a file: as it was made, else as it was first read."""
        records = [*([maker] if maker else []), *self.graph.users(path)]
        found: dict[str, Any] = {}
        for details in (self.about[one.record] for one in records if one.record in self.about):
            if path in details.sizes:
                found.setdefault("lstosa:size", details.sizes[path][0])
            digest = details.hashes.get(path) or details.configs.get(path)
            if digest:
                found.setdefault("lstosa:sha256", digest)
        return sorted(found.items())

    def _name(self, word: str) -> Any:
        return self.document.valid_qualified_name(f"lstosa:{_word(word)}")

    def _id(self, what: str, name: str) -> Any:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        return self.document.valid_qualified_name(f"id:{what}.{digest}")


def _software_of(details: Details) -> str:
    """Return what the software of an execution is called: its versions, else where it lies."""
    versions = {k: v for k, v in details.software.items() if k in ("lstchain", "lstcam_calib")}
    named = " ".join(f"{key} {value}" for key, value in versions.items())
    if details.software_id:
        return f"{named} ({details.software_id[:12]})".strip()
    return str(Path(details.argv[0]).parent.parent) if details.argv else ""


def _word(text: str) -> str:
    """Return a text as a name can have it."""
    return re.sub(r"[^\w.-]+", "_", text)


def _time(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:  # made by lstosa, nobody knows when
        return None
