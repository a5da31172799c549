"""``lstosa import-config``: the configuration that lstosa ships, and others, become ours."""

import configparser
import io
import os
from pathlib import Path

import pytest
from luigi.configuration import LuigiConfigParser

from lstosa_luigi import config
from lstosa_luigi.cli import main
from lstosa_luigi.errors import ConfigError, ExitCode
from lstosa_luigi.execution.slurm import options
from lstosa_luigi.migration.conversion import (
    Conversion,
    convert,
    known_keys,
    read_lstosa,
    render,
)
from lstosa_luigi.migration.keys import KEYS, find_key
from tests.configuration import configure

SHIPPED = Path(__file__).resolve().parents[1] / "data" / "lstosa-sequencer.cfg"
OPTIONAL = {"notify"}
"""Sections that an installation need not have."""


def converted(folder: Path, text: str, exists=os.path.exists) -> Conversion:
    file = folder / "sequencer.cfg"
    file.write_text(text)
    return convert(read_lstosa(file), known_keys(), exists)


def read_by_us(monkeypatch, text: str) -> config.Settings:
    """Read a configuration as every command does, that of Slurm as well."""
    parser = LuigiConfigParser()
    parser.read_file(io.StringIO(text))
    configure(
        monkeypatch, **{name: dict(parser.items(name, raw=True)) for name in parser.sections()}
    )
    return config.load()


def reasons(found: Conversion) -> dict[str, str]:
    return {f"[{key.section}] {key.name}": key.why for key in found.left}


# --- the table -----------------------------------------------------------------------------


def test_every_key_of_the_shipped_file_is_in_the_table() -> None:
    parser = read_lstosa(SHIPPED)
    keys = {(section, name) for section in parser.sections() for name in parser.options(section)}
    assert len(keys) > 120
    assert not [key for key in keys if find_key(*key) is None]


def test_the_table_has_no_key_twice_and_each_is_carried_or_has_a_reason() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)
    assert not [key for key in KEYS if not key.to and not key.note]


def test_the_table_leads_to_keys_that_exist() -> None:
    known = known_keys()
    places = [place for key in KEYS for place in key.to]
    places += [place[:2] for key in KEYS for place in key.beside]
    assert len(places) > 50
    for section, name in places:
        if section in known or section not in OPTIONAL:
            assert name in known[section], f"[{section}] {name}"


# --- the shipped file ----------------------------------------------------------------------


def test_the_shipped_file_is_converted_and_read_by_us(monkeypatch, tmp_path: Path) -> None:
    base = tmp_path / "lst 1"
    base.mkdir()
    text = SHIPPED.read_text().replace("BASE: test_osa/test_files0", f"BASE: {base}")
    found = converted(tmp_path, text)
    assert found.sections["paths"] == {"base": str(base)}  # all other directories are as here
    settings = read_by_us(monkeypatch, render(found, "sequencer.cfg"))
    assert settings.directories.longterm_dir == base / "DL1/datacheck_files/night_wise"
    assert settings.prod_id == "v0.1.0"
    assert settings.execution.backend == "slurm"
    assert (settings.database.tcu_db, settings.database.caco_db) == (
        "lst101-int",
        "lst101-int:27018",
    )
    slurm = options.load()
    data, calibration = (slurm.resources(name, "") for name in ("data", "calibration"))
    assert (data.mem_mb, data.seconds, data.account) == (6 * 1024, 4500, "dpps")
    assert (data.partition, calibration.partition) == ("short,long", "short,long")
    assert calibration.mem_mb == 3 * 1024
    assert slurm.retries.max_tries == 3


def test_every_key_of_the_shipped_file_is_carried_or_told(tmp_path: Path, capsys) -> None:
    assert main(["import-config", str(SHIPPED)]) == ExitCode.OK
    printed, told = capsys.readouterr()
    assert "prod_id = v0.1.0" in printed.splitlines()
    lines = [line for line in told.splitlines() if line.startswith("not carried over: ")]
    for key in KEYS:
        if key.to or key.always or key.name in ("TABLE_CATB",):
            continue
        assert any(f"[{key.section}] " in line and key.name in line for line in lines), key
    for name in ("R0PREFIX", "MERGED_SUMMARY", "DL1AB_DIR", "end_of_activity"):
        assert not [line for line in lines if name in line], "as here: nothing is lost"


def test_files_that_are_not_there_stay_as_comments(monkeypatch, tmp_path: Path) -> None:
    there = tmp_path / "lstchain.json"
    there.write_text("{}")
    text = f"[LST1]\nBASE: {tmp_path}\n[lstchain]\ndl1a_config: {there}\ndl2_config: /no/such\n"
    found = converted(tmp_path, text)
    written = render(found, "x")
    assert "# dl2_config = /no/such" in written.splitlines()
    assert reasons(found)["[lstchain] dl2_config"].startswith("/no/such is not there")
    assert read_by_us(monkeypatch, written).lstchain.dl1a_config == str(there)


# --- other files ---------------------------------------------------------------------------


def test_directories_flags_and_resources_of_a_site(monkeypatch, tmp_path: Path) -> None:
    text = f"""
[LST1]
base: {tmp_path}
Osa_Dir: %(base)s/O S A
CLOSER_DIR: %(OSA_DIR)s/Closer
LONGTERM_DIR: %(OSA_DIR)s/100%%/{{x}}
ANALYSIS_DIR = {tmp_path}/running
RAW_R0_DIR: %(EVENTS)s/events
EVENTS: {tmp_path}
DL1_DIR: %(BASE)s/DL1
DL1AB_DIR: %(BASE)s/DL1b
PROD_ID
[lstchain]
apply_catB_calibration: yes
store_image_dl1ab: False
drs4_baseline: lstcam_calib_onsite_create_drs4_pedestal_file
max_tries: 5
[SLURM]
PARTITION_DATA: short, long
PARTITION_PEDCALIB: xxl
MEMSIZE_DATA: 8GB
WALLTIME: 2:00:00
"""
    found = converted(tmp_path, text)
    (tmp_path / "O S A" / "100%").mkdir(parents=True)
    settings = read_by_us(monkeypatch, render(found, "x"))
    directories, slurm = settings.directories, options.load()
    assert directories.closer_dir == tmp_path / "O S A/Closer"
    assert directories.longterm_dir == tmp_path / "O S A/100%/{x}"
    assert directories.analysis_dir == tmp_path / "running"
    assert directories.raw_r0_dir == tmp_path / "events"
    assert "closer_dir" not in found.sections["paths"], "it follows osa_dir here, too"
    assert settings.prod_id == ""
    assert settings.lstchain.apply_catB_calibration is True
    assert settings.lstchain.store_image_dl1ab is False
    assert settings.lstchain.drs4_baseline == "lstcam_calib_onsite_create_drs4_pedestal_file"
    assert slurm.retries.max_tries == 5
    data, calibration = (slurm.resources(name, "") for name in ("data", "calibration"))
    assert (data.mem_mb, data.seconds, data.partition) == (8192, 7200, "short,long")
    assert (calibration.mem_mb, calibration.partition) == (4096, "xxl")
    assert set(reasons(found)) == {"[LST1] EVENTS", "[LST1] DL1AB_DIR"}


def test_the_mail_goes_where_it_went_if_this_version_sends_any(monkeypatch, tmp_path: Path) -> None:
    file = tmp_path / "sequencer.cfg"
    file.write_text(f"[LST1]\nBASE: {tmp_path}\n[mail]\nrecipient: shift@site.org\n")
    without = {name: keys for name, keys in known_keys().items() if name != "notify"}
    found = convert(read_lstosa(file), without, os.path.exists)
    assert reasons(found) == {"[mail] recipient": "this version has no [notify]"}
    keys = {"recipients": "", "smtp_host": "", "sender": ""}
    found = convert(read_lstosa(file), {**without, "notify": keys}, os.path.exists)
    assert found.sections["notify"] == {
        "recipients": "shift@site.org",
        "smtp_host": "localhost",
        "sender": "lstanalyzer@localhost",
    }
    read_by_us(monkeypatch, render(found, "x"))  # with the checks of [notify], if it is there
    file.write_text("[LST1]\nBASE: .\n[mail]\nrecipient: root\n")
    found = convert(read_lstosa(file), {**without, "notify": keys}, os.path.exists)
    assert list(reasons(found)) == ["[mail] recipient"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no section [LST1]"),
        ("base = here\n", "no configuration file"),
        ("[paths]\nbase = here\n", "has no section [LST1]"),
        ("[LST1]\nBASE: %(ROOT)s/x\n", "there is no key ROOT"),
        ("[LST1]\nBASE: %(OSA_DIR)s\nOSA_DIR: %(BASE)s/OSA\n", "refers to itself"),
        ("[LST1]\nBASE: .\n[lstchain]\nstore_image_dl1ab: perhaps\n", "neither true nor false"),
    ],
)
def test_a_file_that_cannot_be_converted_gives_one_line(
    tmp_path: Path, capsys, text: str, said: str
) -> None:
    file = tmp_path / "sequencer.cfg"
    file.write_text(text)
    assert main(["import-config", str(file)]) == ExitCode.UNHANDLED
    printed, told = capsys.readouterr()
    assert printed == ""
    assert said in told
    assert len(told.splitlines()) == 1


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.cfg"
    binary.write_bytes(b"[LST1]\nBASE: \xff\xfe\n")
    for file in (tmp_path / "none.cfg", tmp_path, binary):
        with pytest.raises(ConfigError, match=str(file)):
            read_lstosa(file)


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys) -> None:
    output = tmp_path / "luigi.cfg"
    assert main(["import-config", str(SHIPPED), "--output", str(output)]) == ExitCode.OK
    assert capsys.readouterr().out == ""
    parser = configparser.ConfigParser()
    parser.read(output)
    assert parser["production"]["prod_id"] == "v0.1.0"
    before = output.read_text()
    assert main(["import-config", str(SHIPPED), "--output", str(output)]) == ExitCode.UNHANDLED
    assert "is there already" in capsys.readouterr().err
    assert output.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["luigi.cfg"]
