"""From a configuration of lstosa to one of ours; what cannot be carried over is told.

A pure rule over the table of :mod:`lstosa_luigi.migration.keys`; :func:`read_lstosa` alone reads a
file.
"""

from __future__ import annotations

__all__ = ["Conversion", "Left", "convert", "known_keys", "read_lstosa", "render"]

import configparser
import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import luigi

from lstosa_luigi import config
from lstosa_luigi.errors import ConfigError
from lstosa_luigi.execution.slurm import options
from lstosa_luigi.migration.keys import Form, Key, find_key

MAIN = "LST1"
"""The section without which no file is a configuration of lstosa."""

REFERENCE = re.compile(r"%\((\w+)\)s|%%")
"""What ``configparser`` replaces in a value: another key of the section, and a percent sign."""

HEAD = """\
# Converted from {source} by lstosa import-config.
# What is the default of this package anyway is left out.
"""


@dataclasses.dataclass(frozen=True)
class Left:
    """A key that could not be carried over.

    Parameters
    ----------
    section, name : str
        The key.
    why : str
        Why, and what holds instead.
    """

    section: str
    name: str
    why: str


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What a configuration of lstosa becomes.

    Parameters
    ----------
    sections : dict of str to dict of str to str
        Our configuration: values by key by section, without what is the default anyway.
    left : tuple of Left
        What could not be carried over, in the order of lstosa's file.
    absent : dict of (str, str) to str
        Keys whose files are not there, with these: not set, but kept as comments.
    """

    sections: dict[str, dict[str, str]]
    left: tuple[Left, ...]
    absent: dict[tuple[str, str], str]


def read_lstosa(path: Path) -> configparser.ConfigParser:
    """Read a configuration of lstosa, as lstosa does, without replacing anything in its values.

    Raises
    ------
    ConfigError
        If the file is not there, cannot be read, or is no configuration of lstosa.
    """
    # keys keep their case, so that they are named as they were written
    parser = configparser.ConfigParser(allow_no_value=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: no configuration file ({reason})") from error
    if not parser.has_section(MAIN):
        raise ConfigError(f"{path}: no configuration of lstosa, it has no section [{MAIN}]")
    return parser


def known_keys() -> dict[str, dict[str, str]]:
    """Return the defaults of all keys that this package reads, by section, as text."""
    sections: Iterable[type[luigi.Config]] = (*config.SECTIONS, options.slurm, options.retries)
    known = {
        section.__name__: {key: _text(p._default) for key, p in section.get_params()}
        for section in sections
    }
    for name, values in options.CLASSES.items():
        shared = {key: known["slurm"][key] for key in options.OF_CLASSES}
        # what a class does not set holds as [slurm] has it: that is no default
        known[f"slurm.{name}"] = {key: values.get(key, "") for key in shared}
    return known


def convert(
    lstosa: configparser.ConfigParser,
    known: Mapping[str, Mapping[str, str]],
    exists: Callable[[str], bool],
) -> Conversion:
    """Convert a configuration of lstosa.

    Parameters
    ----------
    lstosa : ConfigParser
        What :func:`read_lstosa` read.
    known : dict of str to dict of str to str
        Defaults of all keys that may be set, by section: :func:`known_keys`.
    exists : callable
        Whether there is a file or a directory of that name.

    Raises
    ------
    ConfigError
        If a value refers to a key that is not there, or to itself, or is no value of its kind.
    """
    sections: dict[str, dict[str, str]] = {"execution": {"backend": "slurm"}}
    left: list[Left] = []
    absent: dict[tuple[str, str], str] = {}
    for section in lstosa.sections():
        values = _Values(section, {k.lower(): v or "" for k, v in lstosa.items(section)})
        for name in lstosa.options(section):
            key = find_key(section, name)
            why = _carry(key, name, values, known, exists, sections, absent)
            if why:
                left.append(Left(section, name, why))
    _drop_repeated(sections)
    _drop_defaults(sections, known)
    wanted = {*sections, *(section for section, _ in absent)}
    ordered = {name: sections.get(name, {}) for name in known if name in wanted}
    return Conversion(ordered, tuple(left), absent)


def _carry(
    key: Key | None,
    name: str,
    values: _Values,
    known: Mapping[str, Mapping[str, str]],
    exists: Callable[[str], bool],
    sections: dict[str, dict[str, str]],
    absent: dict[tuple[str, str], str],
) -> str:
    """Carry one key over; return why not, if it is lost."""
    if key is None:
        return "not known: lstosa ships no such key"
    value = values.resolved(name)
    if key.always and value == values.filled_in(key.always):
        return ""
    if not key.to:
        return key.note
    if not value:
        return ""  # empty is the default, there and here
    if value == key.unless:
        return f"{value} is the shipped file's own and nobody's: set it yourself"
    missing = next((s for s, _ in key.to if s not in known), "")
    if missing:
        return f"this version has no [{missing}]"
    if "${" in value:
        return f"{value}: Luigi would take ${{...}} for a variable of the environment"
    if key.form is Form.ADDRESSES and "@" not in value:
        return f"{value}: without a domain, which is needed here"
    if key.form is Form.FILE and not exists(value):
        for place in key.to:
            absent[place] = value
        return f"{value} is {key.note or 'not there'}; it stands in the result as a comment"
    written = _written(key, name, values)
    for section, our_name in key.to:
        sections.setdefault(section, {})[our_name] = written
    for section, our_name, beside in key.beside:
        sections.setdefault(section, {})[our_name] = beside
    return ""


def _written(key: Key, name: str, values: _Values) -> str:
    """Return a value as it is written here."""
    value = values.resolved(name)
    if key.form is Form.DIRECTORY:
        value = values.with_our_names(name)
    elif key.form is Form.PARTITIONS:
        value = ",".join(part.strip() for part in value.split(","))
    elif key.form is Form.FLAG:
        states = configparser.ConfigParser.BOOLEAN_STATES
        if value.lower() not in states:
            raise ConfigError(f"[{key.section}] {name} = {value}: neither true nor false")
        value = _text(states[value.lower()])
    return value.replace("%", "%%")  # Luigi replaces %(key)s as well


class _Values:
    """The values of a section of lstosa, by key in lower case."""

    def __init__(self, section: str, raw: Mapping[str, str]) -> None:
        self._section = section
        self._raw = raw

    def resolved(self, name: str, seen: tuple[str, ...] = ()) -> str:
        """Return a value with all that it refers to."""
        return self._replaced(name, lambda key: self.resolved(key, (*seen, name.lower())), seen)

    def with_our_names(self, name: str) -> str:
        """Return a directory, ``{key}`` standing for another one of ours."""

        def ours(key: str) -> str:
            other = find_key(self._section, key)
            if other is not None and other.form is Form.DIRECTORY:
                return f"{{{other.to[0][1]}}}"
            return _braces_doubled(self.resolved(key))

        return self._replaced(name, ours, (), _braces_doubled)

    def filled_in(self, pattern: str) -> str:
        """Return ``{KEY}/...`` with the values of keys; of one that is not there its name."""
        return re.sub(
            r"\{(\w+)\}",
            lambda match: self.resolved(match[1]) if match[1].lower() in self._raw else match[0],
            pattern,
        )

    def _replaced(
        self,
        name: str,
        put: Callable[[str], str],
        seen: tuple[str, ...],
        keep: Callable[[str], str] = str,
    ) -> str:
        if name.lower() in seen:
            raise ConfigError(f"[{self._section}] {name} refers to itself")
        if name.lower() not in self._raw:
            raise ConfigError(f"[{self._section}] {seen[-1]}: there is no key {name} to refer to")
        if self._section == "PROVENANCE":  # lstosa does not read it, and it is no plain text
            return self._raw[name.lower()]
        raw, parts, end = self._raw[name.lower()].strip(), [], 0
        for match in REFERENCE.finditer(raw):
            parts.append(keep(raw[end : match.start()]))
            if match[1] is None:
                parts.append("%")
            else:
                if match[1].lower() not in self._raw:
                    raise ConfigError(
                        f"[{self._section}] {name} = {raw}: there is no key {match[1]}"
                    )
                parts.append(put(match[1]))
            end = match.end()
        return "".join([*parts, keep(raw[end:])])


def _braces_doubled(text: str) -> str:
    """Return a text that has no ``{key}`` in it for us."""
    return text.replace("{", "{{").replace("}", "}}")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _drop_repeated(sections: dict[str, dict[str, str]]) -> None:
    """Drop from ``[slurm.<class>]`` what ``[slurm]`` says as well."""
    common = sections.get("slurm", {})
    for name, values in sections.items():
        if name.startswith("slurm."):
            for key in [key for key in values if values[key] == common.get(key)]:
                del values[key]


def _drop_defaults(
    sections: dict[str, dict[str, str]], known: Mapping[str, Mapping[str, str]]
) -> None:
    for name, values in sections.items():
        for key in [key for key in values if values[key] == known[name].get(key)]:
            del values[key]
    for name in [name for name, values in sections.items() if not values]:
        del sections[name]


def render(conversion: Conversion, source: str) -> str:
    """Return the text of our configuration.

    Parameters
    ----------
    conversion : Conversion
        What to write.
    source : str
        The file that it was converted from.
    """
    lines = [HEAD.format(source=source)]
    absent = conversion.absent
    for section, values in conversion.sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in values.items()]
        comments = [(key, value) for (at, key), value in absent.items() if at == section]
        if comments:
            lines.append("# Not there when this was converted:")
        lines += [f"# {key} = {value}" for key, value in comments]
        lines.append("")
    return "\n".join(lines)
