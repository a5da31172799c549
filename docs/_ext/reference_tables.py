"""Tables of the reference that are made of the code at build time, so that they are never stale.

``.. configuration::`` lists every key of every section of ``lstosa_luigi.config``;
``.. task-parameters::`` lists the tasks that ``luigi --module lstosa_luigi`` knows;
``.. status-json::`` lists the keys of ``lstosa status --json``;
``.. account-json::`` lists those of ``lstosa account --json``;
``.. lstosa-keys::`` lists the keys of lstosa's own configuration and what becomes of them.
All are plain functions that return reStructuredText, so that a test can read them.
"""

import inspect
import json
import re
from collections.abc import Iterable

import luigi
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import lstosa_luigi
from lstosa_luigi import config, sections
from lstosa_luigi.accounting.data import SCHEMA as ACCOUNT_SCHEMA
from lstosa_luigi.execution.slurm import options
from lstosa_luigi.migration import keys
from lstosa_luigi.products.base import NightTask
from lstosa_luigi.status.data import SCHEMA

SECTIONS = (*config.SECTIONS, options.slurm, options.retries)
"""All sections that a configuration may have."""

KINDS = {
    "Parameter": "text",
    "BoolParameter": "true or false",
    "IntParameter": "whole number",
    "FloatParameter": "number",
    "DictParameter": "JSON object",
    "NightParameter": "date",
    "BatchParameter": "whole number",
}
"""Types of parameters in a reader's words."""

MEANINGS = {
    "run_summary": "command that makes the table of runs",
    "drs4_baseline": "command that makes the DRS4 baseline",
    "charge_calibration": "command that makes the charge calibration (Cat-A)",
    "catB_calibration": "command that calibrates a run with its own interleaved events",
    "r0_to_dl1": "command that makes DL1a, muons and interleaved files",
    "r0_to_r0g": "command that selects the gain",
    "lst_dvr": "command that selects the gain of nights before 2023-12-05; a path, as it is not "
    "part of lstchain",
    "use_ff_heuristic_gain_selection": "find flat-field events also by their charge when selecting "
    "the gain",
    "tailcuts_finder": "command that finds the cleaning settings of a run",
    "dl1ab": "command that makes DL1b",
    "check_dl1": "command that makes the datachecks of subruns and runs",
    "merge_dl1": "command that merges DL1b of a run",
    "merge_muons": "command that merges the muon rings of a run",
    "longterm_check": "command that makes the night-wise datacheck",
    "merge_run_summaries": "command that puts the runs of nights together, with the pointing",
    "cherenkov_transparency": "command that adds the intensity spectrum to it",
    "mc_trainpipe": "command that trains random forests",
    "dl1_to_dl2": "command that makes DL2",
    "create_irf": "command that makes IRFs",
    "create_dl3": "command that makes DL3",
    "create_dl3_index": "command that makes the index of DL3",
    "use_ff_heuristic_id": "find flat-field events by their charge when making Cat-A",
    "store_image_dl1ab": "keep the images in DL1b; without them there is no datacheck",
    "apply_catB_calibration": "make Cat-B calibrations and apply them in DL1b",
    "use_lstcam_env_for_CatA_calib": "make DRS4 baseline and charge calibration in the other "
    "environment",
    "use_lstcam_env_for_CatB_calib": "make Cat-B calibrations in the other environment",
    "apply_standard_dl1b_config": "clean all runs with dl1b_config; do not find tailcuts",
    "merge_dl1_datacheck": "make the datachecks of runs and of the night",
    "create_longterm_symlink": "link to the night-wise datacheck outside of its production",
}
"""Of keys whose meaning the code leaves to their names."""


def meaning_of(key: str, parameter: luigi.Parameter) -> str:
    """Return what a key means."""
    # luigi adds the choices, which stand in the column of the type
    said = re.sub(r" Choices: \{.*\}$", "", parameter.description or "")
    return said or MEANINGS[key]


def kind_of(parameter: luigi.Parameter) -> str:
    """Return the type of a parameter in a reader's words."""
    if isinstance(parameter, luigi.ChoiceParameter):
        return " or ".join(f"``{choice}``" for choice in sorted(parameter._choices))
    return KINDS[type(parameter).__name__]


def default_of(parameter: luigi.Parameter) -> str:
    """Return the default of a parameter as it is written in ``luigi.cfg``."""
    value = parameter._default
    if value == "":
        return "empty"
    return f"``{str(value).lower() if isinstance(value, bool) else value}``"


def list_table(head: Iterable[str], rows: Iterable[Iterable[str]], widths: str) -> str:
    """Return a table; cells are reStructuredText of one line."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in (head, *rows):
        for i, cell in enumerate(row):
            lines.append(f"   {'  ' if i else '* '}- {cell}".rstrip())
    return "\n".join([*lines, ""])


def configuration() -> str:
    """Return all sections of the configuration, each with its keys."""
    parts = []
    for section in SECTIONS:
        name = section.__name__
        rows = [
            (f"``{key}``", kind_of(parameter), default_of(parameter), meaning_of(key, parameter))
            for key, parameter in section.get_params()
        ]
        title = f"[{name}]"
        parts += [f".. _config-{name}:", "", title, "-" * len(title), ""]
        parts += [inspect.cleandoc(section.__doc__ or ""), ""]
        parts.append(list_table(("key", "type", "default", "meaning"), rows, "25 15 30 30"))
    return "\n".join(parts)


def task_parameters() -> str:
    """Return the public tasks with what they say of themselves and their own parameters."""
    common = set(dict(lstosa_luigi.NightlyClose.get_params()))
    rows = []
    for name in sorted(lstosa_luigi.__all__):
        task = getattr(lstosa_luigi, name)
        if not issubclass(task, NightTask):  # it is there for tasks of others
            continue
        own = [key for key, _ in task.get_params() if key not in common]
        options = ", ".join(f"``--{key.replace('_', '-')}``" for key in own)
        rows.append((f"``{name}``", (task.__doc__ or "").splitlines()[0], options))
    return list_table(("task", "is", "parameters of its own"), rows, "22 48 30")


def status_json() -> str:
    """Return the keys of the status of a night, of the whole and of each of its parts."""
    return schema_tables("The night", json.loads(SCHEMA.read_text()))


def account_json() -> str:
    """Return the keys of what nights cost, of the whole and of each of its parts."""
    return schema_tables("All nights", json.loads(ACCOUNT_SCHEMA.read_text()))


def schema_tables(whole: str, schema: dict) -> str:
    """Return a table for the whole of a JSON Schema and for each of its parts."""
    parts = [
        (whole, schema),
        *((f"A {name}", part) for name, part in schema["$defs"].items()),
    ]
    lines = []
    for title, part in parts:
        if "object" not in part.get("type", ()):
            continue
        rows = [
            (f"``{key}``", json_kind(value), value.get("description", ""))
            for key, value in part["properties"].items()
        ]
        lines += [f".. rubric:: {title}", "", list_table(("key", "type", "is"), rows, "20 25 55")]
    return "\n".join(lines)


def json_kind(value: dict) -> str:
    """Return the type of a value of JSON in a reader's words."""
    if "$ref" in value:
        return value["$ref"].rpartition("/")[2]
    if "enum" in value or "const" in value:
        allowed = value.get("enum", [value.get("const")])
        return " or ".join(f"``{choice}``" for choice in allowed)
    if value.get("type") == "array":
        return f"list of {json_kind(value['items'])}"
    kinds = value.get("type", "anything")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def lstosa_keys() -> str:
    """Return every key of lstosa, with what takes its value here."""
    rows = [
        (
            f"``[{key.section}] {key.name}``",
            ", ".join(f"``[{section}] {name}``" for section, name in key.to) or "none",
            key.note,
        )
        for key in keys.KEYS
    ]
    return list_table(("key of lstosa", "here", "to know"), rows, "34 30 36")


class Generated(SphinxDirective):
    """Puts in what a function of this module returns."""

    def run(self) -> list[nodes.Node]:
        """Parse the text as if it stood in the page."""
        self.env.note_dependency(__file__)
        self.env.note_dependency(sections.__file__)
        self.env.note_dependency(str(SCHEMA))
        self.env.note_dependency(str(ACCOUNT_SCHEMA))
        self.env.note_dependency(keys.__file__)
        makers = {
            "configuration": configuration,
            "task-parameters": task_parameters,
            "status-json": status_json,
            "account-json": account_json,
            "lstosa-keys": lstosa_keys,
        }
        return self.parse_text_to_nodes(makers[self.name](), allow_section_headings=True)


def keep_colons(_app: Sphinx, what: str, *rest: object) -> None:
    """Keep napoleon from taking ``The date: 20200117`` for a type and its description."""
    lines = rest[-1]
    if what in ("property", "attribute") and isinstance(lines, list) and lines:
        lines[0] = lines[0].replace(": ", " – ")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directives."""
    app.add_directive("configuration", Generated)
    app.add_directive("task-parameters", Generated)
    app.add_directive("status-json", Generated)
    app.add_directive("account-json", Generated)
    app.add_directive("lstosa-keys", Generated)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
