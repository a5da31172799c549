"""The documentation says what is so.

A block of commands that is marked is executed in a night of stand-ins, command by command, in the
order of its page, and must print what the page says. The mark is, in reStructuredText::

    .. code-block:: console
       :class: tested

and in Markdown a line ``<!-- tested -->`` before the block. Commands begin with ``$``. Each line
below a command must be printed by it, in any order, since products end in any order; nothing else
may be, unless one of the lines is ``...``. Times, sizes, ports and the like are not compared.

Links and cross-references between pages are checked by the build itself: ``make docs``.
"""

import configparser
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import lstosa_luigi
from lstosa_luigi import config
from lstosa_luigi.cli import VERBS
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.slurm import options
from lstosa_luigi.products.base import NightProduct, NightTask
from lstosa_luigi.status.model import State
from lstosa_luigi.status.table import HEAD
from tests.conftest import free_port
from tests.fakes.night import FakeNight

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.rst"))
TEXTS = [ROOT / "README.md", *PAGES]
HOME = "/home/me/lstosa-luigi"
"""Where the pages say that the reader works."""

sys.path.insert(0, str(DOCS / "_ext"))

import reference_tables  # noqa: E402

# --- commands and what they print --------------------------------------------------------------


@dataclasses.dataclass
class Command:
    line: str
    printed: list[str]


def blocks(text: str) -> Iterator[str]:
    """Yield the marked blocks of a page."""
    rst = r"^\.\. code-block:: console\n   :class: tested\n\n((?:   .*\n|\n)+)"
    markdown = r"^<!-- tested -->\n```console\n(.*?)^```$"
    for match in re.finditer(f"{rst}|(?s:{markdown})", text, re.MULTILINE):
        yield re.sub("^   ", "", match[1], flags=re.MULTILINE) if match[1] else match[2]


def commands(text: str) -> list[Command]:
    found: list[Command] = []
    for block in blocks(text):
        for line in filter(str.strip, block.splitlines()):
            if line.startswith("$ "):
                found.append(Command(line[2:], []))
            else:
                found[-1].printed.append(line)
    return found


VARIABLE = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "TIME"),
    (r"\d\d:\d\d:\d\d +\d+\.\d s", "TIME SECONDS"),
    (r" +\d+(\.\d)? (B|kB|MB|GB)\b", " SIZE"),
    (r"(?<= )\d+\.\d{3}(?= |$)", "HOURS"),
    (r"localhost:\d+", "localhost:PORT"),
    (r" +", " "),
)


def comparable(line: str) -> str:
    for pattern, name in VARIABLE:
        line = re.sub(pattern, name, line)
    return line.strip()


class DemoNight(FakeNight):
    """The night of `make night`, made of stand-ins."""

    @property
    def base(self) -> Path:
        return self.root / "demo"


TESTED = [page for page in TEXTS if commands(page.read_text())]


@pytest.mark.luigid
@pytest.mark.parametrize("page", TESTED, ids=[str(page.relative_to(ROOT)) for page in TESTED])
def test_commands_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    night = DemoNight(
        tmp_path / "lstosa-luigi",
        runs=((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 2)),
        options={
            "core": {"scheduler_port": str(free_port())},
            "scheduler": {"stable_done_cooldown_secs": "0", "retry_delay": "60"},
        },
    )
    code = 0
    try:
        for command in commands(page.read_text()):
            done = subprocess.run(
                ["bash", "-c", f"(exit {code}); {command.line}"],
                env=night.variables(),
                cwd=night.root,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=200,
            )
            code = done.returncode
            output = done.stdout.replace(str(night.root), HOME)
            printed = [comparable(line) for line in output.splitlines() if line.strip()]
            promised = [comparable(line) for line in command.printed]
            said = [line for line in promised if line != "..."]
            lacking = [line for line in said if line not in printed]
            assert not lacking, f"$ {command.line}\n{output}"
            if "..." not in promised:
                assert sorted(printed) == sorted(said), f"$ {command.line}\n{output}"
    finally:
        night.lstosa("luigid", "--stop")


def test_pages_with_commands_to_execute_are_found() -> None:
    assert {page.name for page in TESTED} >= {"README.md", "tutorial.rst", "troubleshooting.rst"}


@pytest.mark.parametrize("page", TEXTS, ids=[str(page.relative_to(ROOT)) for page in TEXTS])
def test_tasks_and_verbs_that_a_page_mentions_exist(page: Path) -> None:
    text = page.read_text()
    tasks = set(re.findall(r"luigi --module lstosa_luigi (\w+)", text)) - {"TASK", "X"}
    verbs = set(re.findall(r"(?:`|\$ )lstosa ([a-z][a-z-]*)", text))
    assert tasks <= set(lstosa_luigi.__all__)
    assert verbs <= set(VERBS)


# --- make --------------------------------------------------------------------------------------


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z.-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_benchmarks_find_their_raw_data_in_a_fresh_clone() -> None:
    """They read what is below ``demo``, of the date that each of them names."""
    done = subprocess.run(
        ["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    made = done.stdout.index("lstosa simulate-night --base demo --date 2024-03-02")
    assert made < done.stdout.index("for script in benchmarks/")
    dates = {date for file in (ROOT / "benchmarks").glob("*.py")
             for date in re.findall(r'^DATE = "(.*)"', file.read_text(), re.MULTILINE)}  # fmt: skip
    assert dates == {"2024-03-02"}


def test_readme_begins_with_the_two_commands() -> None:
    assert "\n    make night\n    make test\n" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", TEXTS, ids=[str(page.relative_to(ROOT)) for page in TEXTS])
def test_make_targets_that_a_page_mentions_exist(page: Path) -> None:
    named = re.findall(r"(?:`|^ +|\$ |&& )make ([a-z.-]+)(?=`|$)", page.read_text(), re.MULTILINE)
    assert set(named) <= make_targets()


def test_readme_fits_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 80


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert links
    for link in links:
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        text = (ROOT / name).read_text()
        titles = {re.sub(r"\W+", "-", line.lower()).strip("-") for line in text.splitlines()}
        assert not anchor or anchor in titles, link


# --- tables ------------------------------------------------------------------------------------


def table(page: str, name: str) -> list[list[str]]:
    """Return the rows of a list-table, without its head."""
    text = (DOCS / page).read_text()
    begin = text.index(f":name: {name}\n")
    rows: list[list[str]] = []
    for line in text[begin:].splitlines()[1:]:
        if line and not line.startswith("   "):
            break
        if line.startswith("   * - "):
            rows.append([line[7:]])
        elif line.startswith("     - "):
            rows[-1].append(line[7:])
        elif rows and line.strip():
            rows[-1][-1] += f" {line.strip()}"
    return rows[1:]


def test_table_of_exit_codes_is_that_of_the_code() -> None:
    rows = table("reference/exit-codes.rst", "exit-codes")
    assert [(int(code), name) for code, name, *_ in rows] == [
        (int(code), f"`{code.name}`") for code in ExitCode
    ]


def test_exit_codes_are_listed_on_one_page_only() -> None:
    others = [page for page in TEXTS if page.name != "exit-codes.rst"]
    for name in ("SCHEDULING_ERROR", "ALREADY_RUNNING"):
        assert not [page for page in others if name in page.read_text()]


@pytest.mark.parametrize(
    ("name", "words"),
    [("status-columns", HEAD), ("status-states", [state.value for state in State])],
)
def test_tables_of_the_status_list_every_column_and_state_in_order(
    name: str, words: Iterable[str]
) -> None:
    listed = [word for row in table("reference/status.rst", name) for word in row[0].split(", ")]
    assert listed == [f"`{word}`" for word in words]


def test_table_of_products_lists_every_product() -> None:
    rows = table("reference/files.rst", "products")
    products = {
        name
        for name in lstosa_luigi.__all__
        if issubclass(getattr(lstosa_luigi, name), NightProduct)
    }
    assert {row[0].strip("`") for row in rows} == products
    assert len(rows) == len(products)


def test_table_of_products_names_the_default_commands() -> None:
    defaults = {parameter._default for _, parameter in config.lstchain.get_params()}
    defaults.add("a program of this package")
    for row in table("reference/files.rst", "products"):
        assert row[2].strip("`") in {*defaults, "a program of this package"}, row


def test_reference_of_the_configuration_lists_all_keys_and_no_other() -> None:
    text = reference_tables.configuration()
    parts = re.split(r"^\[(\w+)\]\n-+$", text, flags=re.MULTILINE)[1:]
    listed = {
        name: re.findall(r"^   \* - ``(\w+)``$", part, re.MULTILINE)
        for name, part in zip(parts[::2], parts[1::2], strict=True)
    }
    assert listed == {
        section.__name__: [key for key, _ in section.get_params()]
        for section in reference_tables.SECTIONS
    }
    assert ".. configuration::" in (DOCS / "reference/configuration.rst").read_text()


@pytest.mark.parametrize(
    ("section", "key", "kind", "default"),
    [
        (config.paths, "r0_dir", "text", "``{base}/R0G``"),
        (config.production, "prod_id", "text", "empty"),
        (config.lstchain, "store_image_dl1ab", "true or false", "``true``"),
        (config.execution, "backend", "``local`` or ``slurm``", "``local``"),
        (config.local, "jobs", "whole number", "``1``"),
    ],
)
def test_type_and_default_of_a_key_are_in_a_readers_words(
    section: type, key: str, kind: str, default: str
) -> None:
    parameter = dict(section.get_params())[key]
    assert reference_tables.kind_of(parameter) == kind
    assert reference_tables.default_of(parameter) == default


def test_keys_of_lstosa_that_are_not_taken_over_are_listed() -> None:
    rows = table("reference/configuration.rst", "lstosa-keys")
    listed = {key for keys, text in rows if text.startswith("Not yet.") for key in keys.split(", ")}
    assert {key.strip("`") for key in listed} == set(config.NOT_YET)


def test_every_key_has_a_meaning_from_the_code_or_else_from_the_docs() -> None:
    keys = [item for section in reference_tables.SECTIONS for item in section.get_params()]
    silent = {key for key, parameter in keys if not parameter.description}
    assert silent == set(reference_tables.MEANINGS)


def test_keys_that_pages_mention_exist() -> None:
    known = {s.__name__: {key for key, _ in s.get_params()} for s in reference_tables.SECTIONS}
    for page in TEXTS:
        for section, key in re.findall(r"`\[(\w+)\] (\w+)`", page.read_text()):
            assert section not in known or key in known[section], f"{page.name}: [{section}] {key}"


def test_table_of_tasks_lists_every_public_task_with_its_parameters() -> None:
    text = reference_tables.task_parameters()
    tasks = [n for n in lstosa_luigi.__all__ if issubclass(getattr(lstosa_luigi, n), NightTask)]
    assert re.findall(r"^   \* - ``(\w+)``$", text, re.MULTILINE) == sorted(tasks)
    assert "``--run-id``, ``--subrun``" in text


# --- examples and configurations ---------------------------------------------------------------


def test_example_of_a_task_of_ones_own_runs(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(3):
        (tmp_path / f"texts/text{number:03d}").write_text("line\n" * number)
    words = ["--module", "counts", "AllCounts", "--folder", "texts", "--local-scheduler"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("luigi")), *words],
        env={**os.environ, "PYTHONPATH": str(DOCS / "howto/examples"), "LUIGI_CONFIG_PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    counts = [path.read_text().strip() for path in sorted(tmp_path.glob("texts/count*.txt"))]
    assert counts == ["0", "1", "2"]
    assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == ["log", "records"]


@pytest.mark.parametrize("name", ["luigi.cfg", "lst1.cfg"])
def test_configurations_that_are_shipped_have_only_keys_that_exist(name: str) -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "config" / name)
    known = {s.__name__: {key for key, _ in s.get_params()} for s in reference_tables.SECTIONS}
    for section in set(parser.sections()) - {"scheduler"}:
        head, _, resource_class = section.partition(".")
        assert set(parser.options(section)) <= known[head]
        assert not resource_class or resource_class in options.CLASSES
