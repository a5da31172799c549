"""The configuration: its defaults, where it is read from, and what is said of a wrong one."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi import config
from lstosa_luigi.errors import ConfigError, ExitCode
from tests.configuration import configure, load


def refused(monkeypatch, base, **sections):
    """Return the one line that is said of a configuration."""
    with pytest.raises(ConfigError) as error:
        load(monkeypatch, base, **sections)
    assert error.value.exit_code == ExitCode.UNHANDLED
    assert "\n" not in str(error.value)
    return str(error.value)


# --- values --------------------------------------------------------------------------------


def test_base_alone_is_enough(monkeypatch, tmp_path):
    settings = load(monkeypatch, tmp_path)
    assert settings.directories.base == tmp_path
    assert settings.prod_id == ""
    assert settings.execution.backend == "local"
    assert settings.local.jobs == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("drs4_baseline", "onsite_create_drs4_pedestal_file"),
        ("charge_calibration", "onsite_create_calibration_file"),
        ("catB_calibration", "onsite_create_cat_B_calibration_file"),
        ("r0_to_dl1", "lstchain_data_r0_to_dl1"),
        ("dl1ab", "lstchain_dl1ab"),
        ("check_dl1", "lstchain_check_dl1"),
        ("dl1_to_dl2", "lstchain_dl1_to_dl2"),
        ("tailcuts_finder", "lstchain_find_tailcuts"),
        ("use_ff_heuristic_id", False),
        ("use_ff_heuristic_gain_selection", False),
        ("store_image_dl1ab", True),
        ("merge_dl1_datacheck", True),
        ("apply_catB_calibration", False),
        ("apply_standard_dl1b_config", False),
        ("create_longterm_symlink", True),
        ("mc_prod", "20240918_v0.10.12_allsky_"),
        ("dl1_prod_id", "tailcut84"),
        ("dl1_prod_id_prefix", "tailcut"),
    ],
)
def test_options_of_lstchain_have_lstosas_names_and_defaults(monkeypatch, tmp_path, key, value):
    assert getattr(load(monkeypatch, tmp_path).lstchain, key) == value


def test_every_directory_follows_from_base_unless_it_is_set(monkeypatch, tmp_path):
    (tmp_path / "archive").mkdir()
    monitoring = "{base}/archive/monitoring"
    directories = load(monkeypatch, tmp_path, paths={"monitoring": monitoring}).directories
    assert directories.monitoring == tmp_path / "archive/monitoring"
    assert (
        directories.cat_a_calib_dir == directories.monitoring / "PixelCalibration/Cat-A/calibration"
    )
    others = dataclasses.asdict(load(monkeypatch, tmp_path).directories).values()
    assert all(path.is_relative_to(tmp_path) for path in others)


def test_relative_base_is_below_the_current_directory(monkeypatch, tmp_path):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load(monkeypatch, "demo").directories.dl1_dir == tmp_path / "demo/DL1"


def test_values_are_typed(monkeypatch, tmp_path):
    settings = load(
        monkeypatch,
        tmp_path,
        local={"jobs": "3", "poll_interval": "0.5"},
        lstchain={"store_image_dl1ab": "False", "apply_catB_calibration": "true"},
    )
    assert (settings.local.jobs, settings.local.poll_interval) == (3, 0.5)
    assert settings.lstchain.store_image_dl1ab is False
    assert settings.lstchain.apply_catB_calibration is True


@pytest.mark.parametrize("key", ["catB_calibration", "catb_calibration", "CATB-Calibration"])
def test_keys_may_be_written_in_any_case_as_in_lstosa(monkeypatch, tmp_path, key):
    settings = load(monkeypatch, tmp_path, lstchain={key: "my_tool"})
    assert settings.lstchain.catB_calibration == "my_tool"


def test_production_lays_its_own_section_over_that_of_all(monkeypatch, tmp_path):
    load(
        monkeypatch,
        tmp_path,
        production={"prod_id": "v0.12"},
        lstchain={"dl1ab": "old_dl1ab", "filters": "52"},
        **{"lstchain.v0.12": {"filters": "53"}, "lstchain.v0.11": {"store_image_dl1ab": "false"}},
    )
    nightly, archive = config.load(), config.load("v0.11")
    assert (nightly.prod_id, nightly.lstchain.filters) == ("v0.12", "53")
    assert (archive.prod_id, archive.lstchain.filters) == ("v0.11", "52")
    assert (nightly.lstchain.store_image_dl1ab, archive.lstchain.store_image_dl1ab) == (True, False)
    assert nightly.lstchain.dl1ab == archive.lstchain.dl1ab == "old_dl1ab"


# --- what is wrong -------------------------------------------------------------------------


def test_unknown_key_is_named_with_the_known_ones(monkeypatch, tmp_path):
    message = refused(monkeypatch, tmp_path, local={"job": "2"})
    assert message == "[local] job: no such key; this section knows jobs, max_tries, poll_interval"


def test_unknown_key_of_a_production_is_named(monkeypatch, tmp_path):
    overlay = {"lstchain.v1": {"tailcut": "x"}}
    message = refused(monkeypatch, tmp_path, production={"prod_id": "v1"}, **overlay)
    assert message.startswith("[lstchain.v1] tailcut: no such key; this section knows apply_catB")


@pytest.mark.parametrize(
    ("section", "key", "value", "kind"),
    [
        ("local", "jobs", "two", "int"),
        ("local", "jobs", "1.5", "int"),
        ("local", "poll_interval", "often", "float"),
        ("lstchain", "store_image_dl1ab", "perhaps", "bool"),
        ("execution", "backend", "cloud", "choice"),
    ],
)
def test_value_of_the_wrong_type_is_named(monkeypatch, tmp_path, section, key, value, kind):
    message = refused(monkeypatch, tmp_path, **{section: {key: value}})
    assert message.startswith(f"[{section}] {key} = {value}: not a valid {kind} (")


def test_wrong_interpolation_is_named(monkeypatch, tmp_path):
    message = refused(monkeypatch, tmp_path, paths={"dl1_dir": "%(BASE)s/DL1"})
    assert message.startswith("[paths] dl1_dir = %(BASE)s/DL1: not a valid value (")


@pytest.mark.parametrize("jobs", ["0", "-1"])
def test_no_jobs_at_all_are_refused(monkeypatch, tmp_path, jobs):
    message = refused(monkeypatch, tmp_path, local={"jobs": jobs})
    assert message == f"[local] jobs = {jobs}: must be at least 1"


def test_calibration_runs_are_looked_for_four_nights_back_unless_told_otherwise(
    monkeypatch, tmp_path
):
    assert load(monkeypatch, tmp_path).calibration.max_days_back == 4
    found = load(monkeypatch, tmp_path, calibration={"max_days_back": "0"})
    assert found.calibration.max_days_back == 0


def test_calibration_runs_of_nights_to_come_cannot_be_asked_for(monkeypatch, tmp_path):
    message = refused(monkeypatch, tmp_path, calibration={"max_days_back": "-1"})
    assert message == (
        "[calibration] max_days_back = -1: must be 0 (only runs of the night itself) or more"
    )


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("lstchain", "dl1a_config"),
        ("lstchain", "dl1b_config"),
        ("lstchain", "dl2_config"),
        ("lstchain", "dl3_config"),
        ("mc", "irf_file"),
        ("mc", "gamma"),
        ("mc", "proton"),
        ("mc", "electron"),
    ],
)
def test_file_that_is_not_there_is_named(monkeypatch, tmp_path, section, key):
    file = tmp_path / "lost"
    assert refused(monkeypatch, tmp_path, **{section: {key: str(file)}}) == (
        f"[{section}] {key} = {file}: no such file"
    )
    file.touch()
    assert getattr(
        getattr(load(monkeypatch, tmp_path, **{section: {key: str(file)}}), section), key
    )


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("nightly", "days_back", "-1", "must be 0 or more"),
        ("nightly", "at_once", "0", "must be 1 or more"),
        ("nightly", "retry_hours", "-0.5", "must be 0 or more"),
        ("nightly", "wait_for_luigid", "-1", "must be 0 or more"),
        ("nightly", "keep_logs", "0", "must be 1 or more"),
        ("nightly", "not_while_observing", "19-8", "write two times in UTC, as 19:00-08:00, or n"),
        ("nightly", "observing_command", "it's", "No closing quotation"),
        ("notify", "closed_by", "2 pm", "write a time in UTC, as 08:00, or nothing"),
        ("notify", "missing_from", "24:00", "write a time in UTC, as 08:00, or nothing"),
        ("notify", "command", "say '", "No closing quotation"),
        ("notify", "timeout", "0", "must be more than 0"),
    ],
)
def test_what_every_day_rests_on_is_checked_before_anything_is_done(
    monkeypatch, tmp_path, section, key, value, words
):
    message = refused(monkeypatch, tmp_path, **{section: {key: value}})
    assert message.startswith(f"[{section}] {key} = {value}: {words}")


@pytest.mark.parametrize("key", ["sender", "recipients"])
def test_mail_server_without_addresses_is_refused(monkeypatch, tmp_path, key):
    addresses = {"sender": "a@example.org", "recipients": "b@example.org", key: "nobody"}
    message = refused(monkeypatch, tmp_path, notify={"smtp_host": "localhost", **addresses})
    assert message == f"[notify] {key} = nobody: not an address; smtp_host needs it"


def test_password_that_would_go_over_the_net_in_the_open_is_refused(monkeypatch, tmp_path):
    mail = {"sender": "a@b", "recipients": "c@d", "smtp_user": "me", "smtp_host": "mail.b"}
    message = refused(monkeypatch, tmp_path, notify=mail)
    assert message.startswith("[notify] smtp_user: the password would go over the net")
    for safe in ({"smtp_host": "localhost"}, {"smtp_starttls": "true"}):
        assert load(monkeypatch, tmp_path, notify={**mail, **safe}).notify.smtp_user == "me"


def test_environment_that_is_not_there_is_named(monkeypatch, tmp_path):
    message = refused(monkeypatch, tmp_path, lstchain={"environment": "/no/such"})
    assert message == "[lstchain] environment = /no/such: no such directory"


def test_environment_of_calibrations_that_is_not_there_is_named(monkeypatch, tmp_path):
    message = refused(monkeypatch, tmp_path, lstchain={"calib_environment": "/no/such"})
    assert message == "[lstchain] calib_environment = /no/such: no such directory"


@pytest.mark.parametrize("key", ["evb_calibration", "evb_systematics"])
@pytest.mark.parametrize("pattern", ["/a/{night}/*", "/a/{}/*", "/a/{date/*"])
def test_pattern_that_cannot_be_filled_in_is_named(monkeypatch, tmp_path, key, pattern):
    message = refused(monkeypatch, tmp_path, calibration={key: pattern})
    assert message.startswith(
        f"[calibration] {key} = {pattern}: may name {{date}} and {{run}} only"
    )


def test_keys_of_lstosa_for_another_environment_are_taken_over(monkeypatch, tmp_path):
    section = {"use_lstcam_env_for_CatA_calib": "True", "USE_LSTCAM_ENV_FOR_CATB_CALIB": "True"}
    options = load(monkeypatch, tmp_path, lstchain=section).lstchain
    assert options.use_lstcam_env_for_CatA_calib
    assert options.use_lstcam_env_for_CatB_calib
    assert options.calib_command_prefix == "conda run -n lstcam-env"


@pytest.mark.parametrize("key", ["tailcuts", "catB"])
def test_fallback_is_one_that_there_is(monkeypatch, tmp_path, key):
    message = refused(monkeypatch, tmp_path, fallback={key: "nearest"})
    assert message.startswith(f"[fallback] {key} = nearest: not a valid choice (")


def test_environment_and_prefix_exclude_each_other(monkeypatch, tmp_path):
    both = {"environment": str(tmp_path), "command_prefix": "conda run -n x"}
    message = refused(monkeypatch, tmp_path, lstchain=both)
    assert message == "[lstchain] environment and command_prefix are both set: choose one"


def test_standard_cleaning_needs_no_file_of_its_own(monkeypatch, tmp_path):
    settings = load(monkeypatch, tmp_path, lstchain={"apply_standard_dl1b_config": "true"})
    assert settings.lstchain.apply_standard_dl1b_config
    assert settings.lstchain.dl1b_config == ""


def test_base_must_be_set(monkeypatch):
    configure(monkeypatch)
    with pytest.raises(ConfigError, match=r"\[paths\] base is not set: .*LUIGI_CONFIG_PATH"):
        config.load()


@pytest.mark.parametrize("kind", ["nothing", "file"])
def test_base_must_be_a_directory(monkeypatch, tmp_path, kind):
    base = tmp_path / "base"
    if kind == "file":
        base.touch()
    assert refused(monkeypatch, base) == f"[paths] base = {base}: no such directory"


@contextlib.contextmanager
def nobody():
    """Be somebody else when asked what may be written: root may write everywhere."""
    if os.getuid() != 0:
        yield
        return
    os.setreuid(65534, 0)
    try:
        yield
    finally:
        os.setreuid(0, 0)


def test_base_must_be_writable(monkeypatch, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    load(monkeypatch, base)
    base.chmod(0o555)
    with nobody():
        assert refused(monkeypatch, base) == f"[paths] base = {base}: not writable"
    base.chmod(0o755)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"dl1_dir": "{bse}/DL1"}, "[paths] dl1_dir = {bse}/DL1: {bse} is not a key of [paths]"),
        (
            {"osa_dir": "{closer_dir}/x", "closer_dir": "{osa_dir}"},
            "[paths] osa_dir refers to itself: osa_dir -> closer_dir -> osa_dir",
        ),
        ({"dl1_dir": "{base"}, "[paths] dl1_dir = {base: expected '}' before end of string"),
    ],
)
def test_wrong_reference_between_directories_is_named(monkeypatch, tmp_path, paths, message):
    assert refused(monkeypatch, tmp_path, paths=paths) == message


@pytest.mark.parametrize(
    ("key", "value", "parent"),
    [
        ("dl1_dir", "/no/such/DL1", "/no/such"),
        ("drive_dir", "{base}/monitring/DrivePositioning", "{base}/monitring"),
        ("osa_dir", "{base}/a/b", "{base}/a"),
    ],
)
def test_directory_below_one_that_is_not_there_is_named(monkeypatch, tmp_path, key, value, parent):
    value, parent = (text.replace("{base}", str(tmp_path)) for text in (value, parent))
    assert refused(monkeypatch, tmp_path, paths={key: value}) == (
        f"[paths] {key} = {value}: no such directory {parent}. Make it, or correct the path."
    )
    if value.startswith(str(tmp_path)):
        Path(parent).mkdir()
        load(monkeypatch, tmp_path, paths={key: value})


def test_directory_may_be_set_below_one_that_the_night_makes(monkeypatch, tmp_path):
    paths = {"cat_a_calib_dir": "{cat_a_calib_base}/better"}
    directories = load(monkeypatch, tmp_path, paths=paths).directories
    assert directories.cat_a_calib_dir == directories.cat_a_calib_base / "better"


@pytest.mark.parametrize(
    ("section", "key", "meant"),
    [
        ("path", "dl1_dir", "paths"),
        ("Paths", "dl1_dir", "paths"),
        ("lstchian", "environment", "lstchain"),
        ("lst_chain", "dl1ab", "lstchain"),
        ("LSTCHAIN", "catB_calibration", "lstchain"),
        ("lstchian.v0.13.0", "environment", "lstchain.v0.13.0"),
        ("productions", "prod_id", "production"),
        ("MC", "IRF_file", "mc"),
        ("locals", "jobs", "local"),
    ],
)
def test_section_with_a_misspelt_name_is_named_with_the_one_meant(
    monkeypatch, tmp_path, section, key, meant
):
    message = refused(monkeypatch, tmp_path, **{section: {key: "x"}})
    assert message == f"[{section}]: no such section; did you mean [{meant}]?"


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("core", "log_level"),
        ("retcode", "task_failed"),
        ("execution_summary", "summary_length"),
        ("resources", "jobs"),
        ("email", "receiver"),
        ("hdfs", "client"),
        ("locale", "language"),
        ("Tailcuts", "priority"),
        ("sciluigi", "jobs"),
        ("lst", "base"),
        ("paths_of_my_package", "base"),
    ],
)
def test_sections_of_others_are_none_of_our_business(monkeypatch, tmp_path, section, key):
    load(monkeypatch, tmp_path, **{section: {key: "x"}})


@pytest.mark.parametrize("production", ["v0.11", "v0.13.0"])
def test_unknown_key_of_a_production_that_is_not_asked_for_is_named(
    monkeypatch, tmp_path, production
):
    message = refused(monkeypatch, tmp_path, **{f"lstchain.{production}": {"environmnt": "x"}})
    assert message.startswith(f"[lstchain.{production}] environmnt: no such key; this section")


def test_key_that_has_moved_is_named_with_its_new_place(monkeypatch, tmp_path):
    with pytest.raises(ConfigError) as error:
        load(monkeypatch, tmp_path, lstchain={"tcu_db": "lst101-int"})
    assert str(error.value) == "[lstchain] tcu_db: is now [database] tcu_db. Move it there."


def test_databases_are_named_as_in_lstosa_and_none_is_asked_by_default(monkeypatch, tmp_path):
    database = load(monkeypatch, tmp_path).database
    assert (database.tcu_db, database.caco_db, database.timeout) == ("", "", 3)
    with pytest.raises(ConfigError, match=r"\[database\] timeout = 0: must be more than 0"):
        load(monkeypatch, tmp_path, database={"timeout": "0"})


@pytest.mark.parametrize("section", ["lstchain", "lstchain.v0.13.0"])
@pytest.mark.parametrize("key", [*config.NOT_YET, "MAX-TRIES", "Max_tries"])
def test_key_that_only_lstosa_has_is_told_apart_from_a_misspelt_one(
    monkeypatch, tmp_path, section, key
):
    message = refused(monkeypatch, tmp_path, **{section: {key: "False"}})
    name = next(name for name in config.NOT_YET if name.lower() == key.lower().replace("-", "_"))
    assert message == (
        f"[{section}] {name}: known from lstosa, but not supported yet ({config.NOT_YET[name]}). "
        "Remove the key."
    )


@pytest.mark.parametrize("state", ["auto", "legacy_raw", "gain_selected", "catA_calibrated"])
def test_input_state_is_one_of_lstosas_or_found_out(monkeypatch, tmp_path, state):
    assert load(monkeypatch, tmp_path, production={"input_state": state}).input_state == state


def test_misspelt_input_state_is_refused_with_those_there_are(monkeypatch, tmp_path):
    message = refused(monkeypatch, tmp_path, production={"input_state": "cata_calibrated"})
    assert message.startswith("[production] input_state = cata_calibrated: not a valid choice")
    assert "catA_calibrated" in message


def test_rules_of_the_heuristic_are_checked_at_once(monkeypatch, tmp_path):
    rules = {"ff_heuristic_gain_selection": "on 3, perhaps 4"}
    message = refused(monkeypatch, tmp_path, lstchain=rules)
    assert message.startswith(
        "[lstchain] ff_heuristic_gain_selection: 'perhaps 4' is no rule; write on or off, then"
    )


# --- where it is read from -----------------------------------------------------------------

PROBE = """
import json, luigi, sys
import lstosa_luigi
from lstosa_luigi import config
from luigi.retcodes import retcode

def tell():
    settings, codes = config.load(), retcode()
    values = {"base": str(settings.directories.base), "jobs": settings.local.jobs}
    values["retcodes"] = [codes.already_running, codes.missing_data, codes.not_run,
                          codes.task_failed, codes.scheduling_error, codes.unhandled_exception]
    print(json.dumps(values))

class Probe(luigi.Task):
    def complete(self):
        tell()
        return True

if __name__ == "__main__":
    tell()
"""
CODES = [10, 20, 25, 30, 35, 40]


@pytest.fixture
def probe(tmp_path):
    """Return a function that tells the configuration as a fresh process finds it in a directory."""
    (tmp_path / "probe.py").write_text(PROBE)

    def run(cwd, command=(sys.executable, str(tmp_path / "probe.py")), **variables):
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LUIGI_")}
        answer = subprocess.run(
            command,
            cwd=cwd,
            env={**kept, "PYTHONPATH": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(answer.stdout.splitlines()[-1])

    return run


def write_config(file, base, jobs, more=""):
    file.parent.mkdir(exist_ok=True)
    base.mkdir(exist_ok=True)
    file.write_text(f"[paths]\nbase = {base}\n[local]\njobs = {jobs}\n{more}")
    return file


def test_luigi_cfg_of_the_current_directory_is_read(probe, tmp_path):
    write_config(tmp_path / "here/luigi.cfg", tmp_path / "base", 5)
    assert probe(tmp_path / "here") == {
        "base": str(tmp_path / "base"),
        "jobs": 5,
        "retcodes": CODES,
    }


def test_file_in_luigi_config_path_comes_before_the_current_directory(probe, tmp_path):
    write_config(tmp_path / "here/luigi.cfg", tmp_path / "base", 5)
    other = write_config(tmp_path / "site.cfg", tmp_path / "other", 7)
    found = probe(tmp_path / "here", LUIGI_CONFIG_PATH=str(other))
    assert (found["base"], found["jobs"]) == (str(tmp_path / "other"), 7)


def test_command_line_comes_before_the_files(probe, tmp_path):
    write_config(tmp_path / "here/luigi.cfg", tmp_path / "base", 5)
    luigi = str(Path(sys.executable).with_name("luigi"))
    command = (luigi, "--module", "probe", "Probe", "--local-scheduler", "--local-jobs", "3")
    found = probe(tmp_path / "here", command)
    assert (found["base"], found["jobs"]) == (str(tmp_path / "base"), 3)


def test_exit_codes_of_a_user_are_left_alone(probe, tmp_path):
    write_config(tmp_path / "here/luigi.cfg", tmp_path / "base", 5, "[retcode]\ntask_failed = 77\n")
    assert probe(tmp_path / "here")["retcodes"] == [10, 20, 25, 77, 35, 40]


HEAVY = ("astropy", "pandas", "tables", "numpy", "lstchain", "sciluigi", "matplotlib", "tqdm")


def test_import_writes_nothing_and_loads_nothing_heavy(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-c", "import sys, lstosa_luigi; print(*sys.modules)"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    assert not set(HEAVY) & set(answer.stdout.split())
    assert answer.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_files_named_from_the_current_directory_are_named_from_the_root_for_jobs(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "irf.fits.gz").touch()
    settings = load(
        monkeypatch,
        tmp_path,
        lstchain={"dl1a_config": "config.json"},
        mc={"irf_file": "irf.fits.gz"},
    )
    assert settings.lstchain.dl1a_config == str(tmp_path / "config.json")
    assert settings.mc.irf_file == str(tmp_path / "irf.fits.gz")
    assert settings.lstchain.dl2_config == ""
