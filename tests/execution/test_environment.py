"""The environment of the tools: found, asked for its version, and kept off the network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi import config
from lstosa_luigi.errors import ConfigError
from lstosa_luigi.execution.environment import (
    Tools,
    find_calibrator,
    find_tools,
    standard_config,
)
from tests.configuration import configure


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch):
    configure(monkeypatch)


@pytest.fixture
def environment(tmp_path):
    """An environment whose lstchain must not be imported."""
    site = tmp_path / "lib/python3.11/site-packages"
    (site / "lstchain-0.11.5.dist-info").mkdir(parents=True)
    (site / "lstchain-0.11.5.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: lstchain\nVersion: 0.11.5\n"
    )
    (site / "lstchain").mkdir()
    (site / "lstchain/__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "bin").mkdir()
    for name in ("lstchain_dl1ab", "python"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\necho 0.11.5\n")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin/no_program").write_text("")
    return tmp_path


def test_version_is_read_without_importing_lstchain(environment):
    tools = find_tools(config.lstchain(environment=str(environment)))
    assert tools.version == "0.11.5"
    assert tools.python == (str(environment / "bin/python"),)
    assert "lstchain" not in sys.modules


def test_relative_environment_works_from_any_directory(environment, monkeypatch):
    monkeypatch.chdir(environment.parent)
    tools = find_tools(config.lstchain(environment=environment.name))
    assert tools.bin == environment / "bin"


def test_command_of_the_environment_is_started_by_its_place(environment):
    tools = find_tools(config.lstchain(environment=str(environment)))
    assert tools.command(("lstchain_dl1ab", "--x=1")) == (
        str(environment / "bin/lstchain_dl1ab"),
        "--x=1",
    )
    assert tools.command(("/bin/sh", "-c", "")) == ("/bin/sh", "-c", "")


@pytest.mark.parametrize("name", ["lstchain_check_dl1", "no_program"])
def test_command_that_the_environment_lacks_is_named(environment, name):
    tools = find_tools(config.lstchain(environment=str(environment)))
    with pytest.raises(ConfigError) as error:
        tools.command((name, "--batch"))
    assert str(error.value).startswith(f"{environment}/bin/{name}: no such command. Set [lstchain]")


def test_environment_without_lstchain_is_told_how_to_get_it(tmp_path):
    with pytest.raises(ConfigError) as error:
        find_tools(config.lstchain(environment=str(tmp_path)))
    assert str(error.value) == (
        f"lstchain is not installed in {tmp_path}. Set [lstchain] environment to the directory of "
        "the environment that has it, or install lstosa-luigi[lstchain]."
    )


def test_prefix_stands_before_every_command_and_tells_the_version(environment):
    prefix = f"/usr/bin/env PATH={environment / 'bin'}"
    tools = find_tools(config.lstchain(command_prefix=prefix))
    assert tools.version == "0.11.5"
    assert tools.command(("lstchain_dl1ab", "--x=1")) == (
        *prefix.split(),
        "lstchain_dl1ab",
        "--x=1",
    )
    assert tools.python == (*prefix.split(), "python")
    assert "PATH" not in tools.variables(environment)


def test_prefix_may_hold_quoted_names():
    tools = Tools("1", None, "conda run -n 'lstchain v0.12'")
    assert tools.command(("tool", "-r", "1")) == (
        *("conda", "run", "-n", "lstchain v0.12"),
        *("tool", "-r", "1"),
    )


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [
        ("/no/such/conda run -n x", "No such file or directory"),
        (
            "/bin/sh -c 'echo CondaError: no such environment >&2; exit 1'",
            "CondaError: no such env",
        ),
    ],
)
def test_prefix_that_leads_nowhere_is_named_with_the_reason(prefix, reason):
    with pytest.raises(ConfigError) as error:
        find_tools(config.lstchain(command_prefix=prefix))
    assert str(error.value).startswith(
        f"[lstchain] command_prefix = {prefix}: does not lead to lstchain ("
    )
    assert reason in str(error.value)


def put_config(package):
    (package / "data").mkdir(parents=True)
    config_file = package / "data/lstchain_standard_config.json"
    config_file.write_text("{}")
    return config_file


def test_standard_config_is_found_in_the_environment_without_asking_it(environment):
    config_file = put_config(environment / "lib/python3.11/site-packages/lstchain")
    assert standard_config(config.lstchain(environment=str(environment))) == config_file


def test_standard_config_of_a_developer_is_found_by_the_python_of_the_tools(environment, tmp_path):
    config_file = put_config(tmp_path / "source/lstchain")
    python = environment / "bin/python"
    python.write_text(f"#!/bin/sh\necho {tmp_path}/source/lstchain/__init__.py\n")
    assert standard_config(config.lstchain(environment=str(environment))) == config_file


def test_standard_config_is_found_behind_a_prefix_without_importing_lstchain(environment):
    site = environment / "lib/python3.11/site-packages"
    config_file = put_config(site / "lstchain")
    prefix = f"/usr/bin/env PYTHONPATH={site} PATH={Path(sys.executable).parent}"
    assert standard_config(config.lstchain(command_prefix=prefix)) == config_file


def test_standard_config_that_cannot_be_read_here_has_to_be_named(environment):
    with pytest.raises(ConfigError, match=r"lstchain 0\.11\.5 has no .*\. Set dl1b_config = FILE"):
        standard_config(config.lstchain(environment=str(environment)))


def test_tools_start_each_other_by_name(environment):
    path = Tools("1", environment / "bin").variables(environment)["PATH"]
    assert path.split(os.pathsep)[0] == str(environment / "bin")


def test_tools_keep_nothing_in_home_and_open_no_window(tmp_path):
    variables = Tools("1", tmp_path).variables(tmp_path / "cache")
    assert variables["MPLBACKEND"] == "Agg"
    kept = ("XDG_CACHE_HOME", "MPLCONFIGDIR", "CTAPIPE_CACHE")
    assert all(variables[key].startswith(str(tmp_path / "cache")) for key in kept)


def test_astropy_of_a_tool_does_not_try_the_network(tmp_path):
    ask = (
        "from astropy.time import Time; from astropy.utils import data, iers; "
        "print(data.conf.allow_internet, iers.conf.auto_download, iers.conf.auto_max_age > 10000); "
        "print(Time('2020-01-17T22:00:00').ut1.iso[:16])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, **Tools("1", tmp_path).variables(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert answer.stdout == "False False True\n2020-01-17 21:59\n"
    assert "Error" not in answer.stderr


# --- calibrations --------------------------------------------------------------------------


def put_lstcam(environment):
    site = environment / "lib/python3.11/site-packages/lstcam_calib-0.3.1.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: lstcam-calib\nVersion: 0.3.1\n")
    return environment


LSTCAM = "lstcam_calib_onsite_create_cat_B_calibration_file"


@pytest.mark.parametrize(
    ("options", "package", "version"),
    [
        ({}, "lstchain", "0.11.5"),
        ({"catB_calibration": LSTCAM}, "lstcam_calib", "0.3.1"),
        ({"catB_calibration": f"/opt/bin/{LSTCAM} --statistics=9"}, "lstcam_calib", "0.3.1"),
        ({"catB_calibration": "mine", "catB_package": "lstcam_calib"}, "lstcam_calib", "0.3.1"),
        ({"catB_calibration": LSTCAM, "catB_package": "lstchain"}, "lstchain", "0.11.5"),
    ],
)
def test_package_of_a_calibration_is_known_by_its_command(environment, options, package, version):
    given = config.lstchain(environment=str(put_lstcam(environment)), **options)
    tools = find_calibrator(given, "B")
    assert (tools.package, tools.version, tools.bin) == (package, version, environment / "bin")
    assert find_calibrator(given, "A") == find_tools(given), "Cat-A is asked for by itself"
    assert bool(tools.warm_up()) == (package == "lstchain")


def test_calibrations_may_come_from_another_environment(environment, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "lib/python3.11/site-packages").mkdir(parents=True)
    put_lstcam(other)
    given = config.lstchain(
        environment=str(environment),
        calib_environment=str(other),
        catB_calibration=LSTCAM,
        use_lstcam_env_for_CatB_calib=True,
    )
    assert find_calibrator(given, "B").bin == other / "bin"
    assert find_calibrator(given, "A").bin == environment / "bin"


def test_prefix_of_calibrations_is_lstosas_and_its_failure_is_named(environment, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    given = config.lstchain(
        environment=str(environment),
        catB_calibration=LSTCAM,
        use_lstcam_env_for_CatB_calib=True,
    )
    with pytest.raises(ConfigError) as error:
        find_calibrator(given, "B")
    assert str(error.value).startswith(
        "[lstchain] calib_command_prefix = conda run -n lstcam-env: does not lead to lstcam_calib ("
    )


def test_environment_without_the_package_of_a_calibration_is_named(environment):
    given = config.lstchain(environment=str(environment), catB_calibration=LSTCAM)
    with pytest.raises(ConfigError) as error:
        find_calibrator(given, "B")
    assert str(error.value) == (
        f"lstcam_calib is not installed in {environment}. Set [lstchain] environment to the "
        "directory of the environment that has it."
    )
