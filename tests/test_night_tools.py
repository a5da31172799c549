"""The tools may live in another environment, behind a prefix, and in one for each production."""

import collections
from pathlib import Path

import pytest

from tests.fakes.night import FakeNight, write_environment

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
SHARED = (
    "lstchain_create_run_summary",
    "lstchain_find_tailcuts",
    "lstchain_mc_trainpipe",
    "lstchain_merge_run_summaries",
)
"""What lies outside of any production: made once, by the tools of whoever needs it first."""


@pytest.fixture
def conda(tmp_path: Path) -> Path:
    """Stand-in for conda: ``conda run -n NAME COMMAND`` with an environment of that name."""
    program = tmp_path / "conda"
    program.write_text(
        "#!/bin/sh\n"
        'test "$1 $2" = "run -n" || exit 64\n'
        f'root="{tmp_path}/$3"\n'
        "shift 3\n"
        'export PATH="$root/environment/bin:/usr/bin:/bin"\n'
        'PYTHONPATH=$(echo "$root"/environment/lib/python3*/site-packages)\n'
        'export PYTHONPATH\nexec "$@"\n'
    )
    program.chmod(0o755)
    return program


def test_a_night_behind_a_prefix_is_the_same_night(make_night, conda: Path) -> None:
    sources = {3: "Mrk 421"}
    plain, prefixed = (make_night(runs=RUNS, sources=sources) for _ in range(2))
    prefix = f"{conda} run -n {prefixed.root.name}"
    prefixed.write_config(lstchain={"environment": "", "command_prefix": prefix})
    for night in (plain, prefixed):
        result = night.luigi()
        assert result.returncode == 0, result.stdout
    assert prefixed.products() == plain.products()
    assert prefixed.links() == plain.links()
    assert names(prefixed.calls()) == names(plain.calls())
    (call,) = prefixed.calls("lstchain_create_dl3_file")
    assert "--source-name=Mrk 421" in call
    log = (prefixed.analysis / "log/Run00003.0000_DL1A.log").read_text()
    assert f"\n{prefix} lstchain_data_r0_to_dl1 --input-file=" in log


def test_two_productions_of_a_night_have_each_their_own_tools(make_night) -> None:
    night = make_night(runs=RUNS)
    archive = night.root / "archive"
    write_environment(archive, "0.11.9")
    night.write_config(**{"lstchain.v0.11.9": {"environment": str(archive)}})
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    nightly, before = names(night.calls()), night.products()
    result = night.luigi("NightlyClose", "--prod-id", "v0.11.9")
    assert result.returncode == 0, result.stdout
    assert "Night 2024-03-02 (v0.11.9) is closed since" in result.stdout

    assert names(night.calls()) == nightly, "the second did not touch the tools of the first"
    again = names(night.calls(environment=archive))
    assert {name: n for name, n in nightly.items() if name not in SHARED} == again | {
        # the simulated gammas lie outside of any production, too
        "lstchain_dl1_to_dl2": again["lstchain_dl1_to_dl2"] + 1
    }
    for call in night.calls(environment=archive):
        assert not [word for word in call if "v0.12.3" in word], call
    after = night.products()
    assert before.items() <= after.items()
    assert_same_places(night, after, before)


def assert_same_places(night: FakeNight, after: dict[str, bytes], before: dict[str, bytes]) -> None:
    """Assert that the second production has every file that the first has in its own place."""
    own = {name for name in before if "v0.12.3" in name}
    assert own
    assert {name.replace("v0.12.3", "v0.11.9") for name in own} <= after.keys()
    assert own <= after.keys()
    assert night.flag.exists()
    assert Path(str(night.flag).replace("v0.12.3", "v0.11.9")).exists()
    pro = night.base / "monitoring/PixelCalibration/Cat-A/calibration/20240302/pro"
    assert pro.readlink() == Path("v0.11.9"), "pro leads to the last production made"


def names(calls: list[list[str]]) -> dict[str, int]:
    return dict(collections.Counter(call[0] for call in calls))
