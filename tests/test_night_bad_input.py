"""What a night can be given that it cannot work with: one clear message, a documented exit code."""

import shutil
import subprocess

import pytest

from tests.conftest import fill, free_port
from tests.fakes.night import FakeNight

CALIBRATION = ((1, "DRS4", 1), (2, "PEDCALIB", 1))
TINY = (*CALIBRATION, (3, "DATA", 1))
NOT_CLOSED = "Night 2024-03-02 (v0.12.3) is not closed."


def lines(night: FakeNight, *words: str, code: int, port: int = 0) -> list[str]:
    """Run a command that must end with *code*; return what it printed but for products."""
    result = night.luigi(*words, port=port)
    assert result.returncode == code, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    assert night.leftovers() == []
    printed = result.stdout.splitlines()
    return [line for line in printed if not (line[2:3] == ":" and "FAILED" not in line)]


def test_no_raw_data_for_the_date(make_night) -> None:
    night = make_night(runs=())
    night.r0(1, 0).parent.joinpath("runs.ecsv").unlink()
    message, end = lines(night, code=20)
    assert message.startswith("MISSING  No raw data of 2024-03-02: no LST-1.1.Run*.fits.fz in ")
    assert str(night.base / "R0/20240302") in message
    assert str(night.base / "R0G/20240302") in message
    assert end == NOT_CLOSED
    assert night.calls() == []


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2124-03-02", "2124-03-02 is in the future"),
        ("2024-02-30", "'2024-02-30' is not a date; write YYYY-MM-DD"),
        ("02.03.2024", "'02.03.2024' is not a date; write YYYY-MM-DD"),
        ("yesterday", "'yesterday' is not a date; write YYYY-MM-DD"),
    ],
)
def test_a_date_in_the_future_or_misspelt(make_night, date: str, words: str) -> None:
    night = make_night(runs=TINY)
    (message,) = lines(night, "NightlyClose", f"--date={date}", code=40)
    assert words in message


def test_no_date_at_all(make_night) -> None:
    night = make_night(runs=TINY)
    command = [word for word in night.command() if word not in ("--date", night.date)]
    result = subprocess.run(
        command, env=night.variables(), cwd=night.root, capture_output=True, text=True, check=False
    )
    assert result.returncode == 40
    assert "requires the 'date' parameter to be set" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_base_that_is_not_there(make_night) -> None:
    night = make_night(runs=TINY)
    night.write_config(paths={"base": str(night.root / "elsewhere")})
    (message,) = lines(night, code=40)
    assert f"[paths] base = {night.root / 'elsewhere'}: no such directory" in message


def test_an_unknown_key_of_the_configuration(make_night) -> None:
    night = make_night(runs=TINY, options={"lstchain": {"dl1ba": "lstchain_dl1ab"}})
    (message,) = lines(night, code=40)
    assert "[lstchain] dl1ba: no such key; this section knows" in message


def test_a_value_of_the_wrong_type(make_night) -> None:
    night = make_night(runs=TINY, options={"local": {"jobs": "many"}})
    (message,) = lines(night, code=40)
    assert "[local] jobs = many: not a valid int" in message


def test_an_environment_without_lstchain(make_night) -> None:
    night = make_night(runs=TINY)
    (site,) = night.environment.glob("lib/python3*/site-packages")
    shutil.rmtree(site)
    (message,) = lines(night, code=40)
    assert f"lstchain is not installed in {night.environment}" in message


def test_an_environment_without_one_of_the_commands(make_night) -> None:
    night = make_night(runs=TINY)
    (night.environment / "bin/onsite_create_calibration_file").unlink()
    message, _log, end = lines(night, code=30)
    assert "FAILED  ChargeCalibration Run00002" in message
    assert "onsite_create_calibration_file: no such command" in message
    assert end == NOT_CLOSED


def test_an_environment_without_a_standard_cleaning(make_night) -> None:
    night = make_night(runs=TINY, options={"lstchain": {"apply_standard_dl1b_config": "true"}})
    (packaged,) = night.environment.rglob("lstchain_standard_config.json")
    packaged.unlink()
    (message,) = lines(night, code=40)
    assert "[lstchain] apply_standard_dl1b_config: lstchain 0.12.3 has no " in message
    assert message.endswith("Set dl1b_config = FILE.")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lstchian": {"dl1ab": "x"}}, "[lstchian]: no such section; did you mean [lstchain]?"),
        ({"lstchain.v9": {"dl1ba": "x"}}, "[lstchain.v9] dl1ba: no such key"),
        ({"lstchain": {"max_tries": "3"}}, "[lstchain] max_tries: known from lstosa, but not "),
        ({"paths": {"dl1_dir": "/no/such/DL1"}}, "[paths] dl1_dir = /no/such/DL1: no such direct"),
    ],
)
def test_a_configuration_of_which_a_part_would_not_count(make_night, options, said: str) -> None:
    night = make_night(runs=TINY, options=options)
    (message,) = lines(night, code=40)
    assert said in message


def test_no_luigid_where_one_should_be(make_night) -> None:
    night = make_night(runs=TINY)
    port = free_port()
    (message,) = lines(night, code=40, port=port)
    assert f"No luigid answers at http://localhost:{port}/" in message
    assert "lstosa luigid" in message


def test_a_run_of_unknown_type_keeps_the_night_from_being_closed_and_nothing_else(
    make_night,
) -> None:
    night = make_night(runs=(*TINY, (4, "DATTA", 1)))
    message, end = lines(night, code=30)
    assert "Run 00004 is of the unknown type 'DATTA' in " in message
    assert str(night.run_summary) in message
    assert end == NOT_CLOSED
    assert list(night.base.rglob("dl3_LST-1.Run00003.fits.gz"))
    assert list(night.base.rglob("DL1_datacheck_20240302.html"))
    text = night.run_summary.read_text()
    night.run_summary.write_text(text.replace("DATTA", "EDATA"))
    night.forget_calls()
    assert night.luigi().returncode == 0
    assert night.calls() == []


@pytest.mark.parametrize("task", ["NightlyClose", "CalibrateNight", "DL2Night"])
def test_a_run_summary_that_is_cut_short(make_night, task: str) -> None:
    night = make_night(runs=TINY)
    night.run_summary.parent.mkdir(parents=True)
    night.run_summary.write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: run_id, data")
    message, *end = lines(night, task, code=35)
    assert message.startswith(f"NOT PLANNED  {task} 2024-03-02 (v0.12.3): {night.run_summary}: ")
    assert "cannot be read as a run summary" in message
    assert "Remove it to have it made again" in message
    assert end in ([f"{task} 2024-03-02 (v0.12.3): not complete."], [NOT_CLOSED])


def test_cleaning_settings_that_are_cut_short_stop_their_run_from_dl1b_on(make_night) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 1)), sources={4: "Mrk 421"})
    config = night.base / "auxiliary/TailCuts/dl1ab_Run00003.json"
    config.parent.mkdir(parents=True)
    config.write_text("{")
    config.with_name("log_find_tailcuts_Run00003.log").write_text(
        "Additional NSB rate (over dark MC): 0.13 p.e./ns"
    )
    printed = lines(night, code=35)
    assert printed[0].startswith(f"NOT PLANNED  RunProducts Run00003: {config}")
    assert printed[-1] == NOT_CLOSED
    assert list(night.base.rglob("muons_LST-1.Run00003.fits"))
    assert list(night.base.rglob("dl3_LST-1.Run00004.fits.gz"))
    assert list(night.base.rglob("Mrk 421/obs-index.fits.gz"))


def test_a_missing_drive_log_stops_data_but_not_the_calibration(make_night) -> None:
    night = make_night(runs=TINY)
    log = night.drive_log.read_text()
    night.drive_log.unlink()
    message, end = lines(night, code=20)
    assert message.startswith(f"MISSING  No drive log of 2024-03-02: {night.drive_log} is not")
    assert end == NOT_CLOSED
    assert len(night.calls("onsite_create_calibration_file")) == 1
    night.drive_log.write_text(log)
    assert night.luigi("CloseRun", "--run-id", "3").returncode == 0
    assert set(night.made().values()) == {1}


def test_a_drive_log_that_ends_too_early(make_night) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 1)))
    night.control(
        fail=[r"r0_to_dl1.*Run00004"],
        message="ValueError: A value (1709420000.0) in x_new is above the interpolation range's "
        "maximum value (1709410000.0).",
    )
    message, *_log, end = lines(night, code=30)
    assert (
        "FAILED  DL1A Run00004.0000: the drive log does not cover the times of the events of run "
        f"00004 ({night.drive_log} goes from 2024-03-02 20:00:00 to 2024-03-02 20:00:00 UTC): "
    ) in message
    assert end == NOT_CLOSED
    assert list(night.base.rglob("dl3_LST-1.Run00003.fits.gz"))
    text = night.run_summary.read_text()
    night.run_summary.write_text(text.replace("4,1,DATA", "4,1,EDATA"))
    assert night.luigi().returncode == 0, "what the message advises closes the night"


def test_neither_models_nor_simulation(make_night) -> None:
    night = make_night(runs=TINY)
    shutil.rmtree(night.base / "mc")
    message, end = lines(night, code=20)
    assert message.startswith("MISSING  No random forests for run 00003: ")
    assert str(night.base / "models/AllSky") in message
    assert str(night.base / "mc/DL1/AllSky") in message
    assert end == NOT_CLOSED
    assert list(night.base.rglob("datacheck_dl1_LST-1.Run00003.pdf"))


def test_no_simulated_gammas_for_the_irf(make_night) -> None:
    night = make_night(runs=TINY)
    (dataset,) = night.base.glob("mc/DL1/AllSky/*/TestingDataset")
    shutil.move(dataset, night.root / "TestingDataset")
    message, end = lines(night, code=20)
    assert message.startswith("MISSING  No simulated events for the IRF ")
    assert end == NOT_CLOSED
    assert list(night.base.rglob("datacheck_dl1_LST-1.Run00003.pdf"))
    assert list(night.base.rglob("dl2_LST-1.Run00003.h5"))
    assert not list(night.base.rglob("dl3_LST-1.Run00003.fits.gz"))
    shutil.move(night.root / "TestingDataset", dataset)
    assert night.luigi().returncode == 0
    assert set(night.made().values()) == {1}


def test_a_run_that_is_not_in_the_run_catalogue(make_night) -> None:
    night = make_night(runs=(*TINY, (4, "DATA", 1)))
    catalog = night.base / "monitoring/RunCatalog/RunCatalog_20240302.ecsv"
    text = catalog.read_text()
    catalog.write_text("".join(ln for ln in text.splitlines(True) if not ln.startswith("4,")))
    message, end = lines(night, code=20)
    assert message.startswith(f"MISSING  The source of run 00004 is not known: {catalog}")
    assert end == NOT_CLOSED
    assert list(night.base.rglob("dl3_LST-1.Run00003.fits.gz"))
    assert list(night.base.rglob("datacheck_dl1_LST-1.Run00004.pdf"))
    assert list(night.base.rglob("DL1_datacheck_20240302.html"))
    # it may be of a source whose index would lack it for good
    assert not list(night.base.rglob("obs-index.fits.gz"))
    catalog.write_text(text)
    assert night.luigi().returncode == 0
    assert set(night.made().values()) == {1}
    assert len(night.calls("lstchain_create_dl3_index_files")) == 1
    assert list(night.base.rglob("obs-index.fits.gz"))


@pytest.mark.parametrize(("kind", "other"), [("DRS4", "PEDCALIB"), ("PEDCALIB", "DRS4")])
def test_a_night_without_a_run_to_calibrate_with(make_night, kind: str, other: str) -> None:
    night = make_night(runs=((1, other, 1), (3, "DATA", 1)))
    message, end = lines(night, code=20)
    assert message.startswith(f"MISSING  No {kind} run on 2024-03-02 ({night.run_summary})")
    assert end == NOT_CLOSED


def test_a_run_that_the_night_does_not_have(make_night) -> None:
    night = make_night(runs=CALIBRATION)
    assert night.luigi("CalibrateNight").returncode == 0
    message, end = lines(night, "CloseRun", "--run-id", "7", code=35)
    assert end == "CloseRun Run00007 of 2024-03-02 (v0.12.3): not complete."
    assert "Run 00007 is not in the run summary; the night has 00001, 00002." in message


def test_a_run_that_holds_no_data(make_night) -> None:
    night = make_night(runs=CALIBRATION)
    assert night.luigi("CalibrateNight").returncode == 0
    message, end = lines(night, "CloseRun", "--run-id", "1", code=35)
    assert end == "CloseRun Run00001 of 2024-03-02 (v0.12.3): not complete."
    assert "Run 00001 is no DATA run" in message


# --- disks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", [0, 40_000, 120_000])
def test_a_disk_that_is_full(night_on_small_disk: FakeNight, leave: int) -> None:
    night = night_on_small_disk
    assert night.luigi("CalibrateNight").returncode == 0
    before = night.whole_products()
    ballast = fill(night.base.resolve().parent, leave)
    message, *_log, end = lines(night, code=30)
    # in a job or, before it began, in the command itself
    assert "FAILED  " in message or message.startswith("ERROR: "), message
    assert "the disk is full: make room, then give the same command again" in message
    assert end == NOT_CLOSED
    assert {name: night.whole_products()[name] for name in before} == before
    ballast.unlink()
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    assert set(night.made().values()) == {1}
    assert night.leftovers() == []


def test_a_disk_that_is_full_when_nothing_is_left_but_to_close(
    night_on_small_disk: FakeNight,
) -> None:
    night = night_on_small_disk
    assert night.luigi().returncode == 0
    night.flag.unlink()
    ballast = fill(night.base.resolve().parent, 0)
    message, end = lines(night, code=30)
    assert "the disk is full: make room, then give the same command again" in message
    assert end == NOT_CLOSED
    ballast.unlink()
    night.forget_calls()
    assert night.luigi().returncode == 0
    assert night.calls() == []


def test_a_base_that_cannot_be_written_to(night_on_small_disk: FakeNight) -> None:
    night = night_on_small_disk
    disk = str(night.base.resolve().parent)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    (message,) = lines(night, code=40)
    assert f"[paths] base = {night.base}: not writable" in message
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert night.luigi("CalibrateNight").returncode == 0
