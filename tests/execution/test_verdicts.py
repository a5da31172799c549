"""What counts as a tool's own verdict on the data of a run, and what does not."""

import json
import stat
import sys
from pathlib import Path

import pytest

from lstosa_luigi.execution import payload
from lstosa_luigi.execution.causes import is_permanent, why
from lstosa_luigi.execution.record import read_record
from lstosa_luigi.execution.spec import SCRATCH, Job, Output
from lstosa_luigi.execution.verdicts import verdict
from lstosa_luigi.refusals import read_refusal

NONE_OF_ANY = (
    "No valid computation was possible for run 4 with any of the processed subruns!\n"
    "lstchain_find_tailcuts failed!\n"
)
HALF = (
    "Calculation failed for more than half of the processed subruns of run 4!\n"
    "lstchain_find_tailcuts failed!\n"
)
SKIPPED = "    Too few interleaved pedestals ({}) - skipped subrun!\n"
NO_CAT_B = (
    "!!! No calibration events in the output file !!! : \n"
    "flatfield collected statistics = 50 events\npedestal collected statistics = 40 events\n"
)


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            SKIPPED.format(20) + NONE_OF_ANY,
            "only 20 interleaved pedestals per subrun (one subrun; 100 are needed)",
        ),
        (
            SKIPPED.format(20) + SKIPPED.format(18) + HALF,
            "only 18 to 20 interleaved pedestals per subrun (2 subruns; 100 are needed)",
        ),
        (
            "    Too few valid pixels (900) for calculation!\n" + NONE_OF_ANY,
            "only 900 valid pixels (one subrun; 1000 are needed)",
        ),
        (HALF, "the pedestal charges of more than half of the subruns looked at cannot be used"),
        (
            NO_CAT_B,
            "not enough calibration events in the run (collected: 50 flat fields and 40 pedestals)",
        ),
    ],
)
def test_verdict_gives_the_tools_reason(log, reason):
    assert verdict(log) == reason
    assert why(1, None, log) == reason
    assert is_permanent(reason)


@pytest.mark.parametrize(
    "log",
    [
        "",
        "Input directory does not exist\n",
        SKIPPED.format(20),
        "lstchain_find_tailcuts failed!\n",
        SKIPPED.format(20) + "OSError: unable to open file\n",
        SKIPPED.format(20) + NONE_OF_ANY + "OSError: [Errno 28] No space left on device\n",
        "!!! No calibration events in the output file !!! : \n",
        "Number of subruns with low statistics: 1 - removed from pedestal median calculation\n",
    ],
)
def test_everything_else_is_no_verdict(log):
    assert verdict(log) == ""


def test_a_killed_command_has_no_verdict():
    assert why(None, 9, NONE_OF_ANY) != verdict(NONE_OF_ANY)


def make_job(folder: Path, script: str, refusal: bool = True) -> Job:
    tool = folder / "tool"
    tool.write_text(f"#!{sys.executable} -IS\nimport os, sys\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return Job(
        name="Run00004_Tailcuts",
        title="Tailcuts Run00004",
        argv=(str(tool), f"{SCRATCH}/made.json"),
        outputs=(Output(str(folder / "final.json"), "made.json"),),
        log=str(folder / "log"),
        record=str(folder / "record.json"),
        scratch=str(folder / "scratch"),
        refusal=str(folder / "refused" / "Run00004_Tailcuts.json") if refusal else "",
    )


REFUSE = f"print({(SKIPPED.format(20) + NONE_OF_ANY)!r}); "


def test_a_refusal_is_kept_and_the_job_is_not_done_again(tmp_path):
    job = make_job(tmp_path, REFUSE + "sys.exit(1)")
    record = payload.run(job)
    assert record is not None
    assert (record.state, record.exit_code, record.is_over) == ("refused", 1, True)
    kept = read_refusal(Path(job.refusal))
    assert kept is not None
    assert (kept.title, kept.log) == ("Tailcuts Run00004", job.log)
    assert kept.reason == record.cause == verdict(SKIPPED.format(20) + NONE_OF_ANY)
    assert read_record(Path(job.record)) == record
    assert job.is_made()
    assert payload.run(job) is None
    assert not (tmp_path / "scratch").exists()
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


@pytest.mark.parametrize("end", ["sys.exit(2)", "os.kill(os.getpid(), 9)", "sys.exit('Errno 28')"])
def test_another_end_is_a_failure_whatever_was_said(tmp_path, end):
    job = make_job(tmp_path, REFUSE + "sys.stdout.flush(); " + end)
    record = payload.run(job)
    assert record is not None
    assert record.state == "failed"
    assert not Path(job.refusal).exists()
    assert not job.is_made()


def test_without_a_place_for_it_a_refusal_is_a_failure_with_the_same_reason(tmp_path):
    record = payload.run(make_job(tmp_path, REFUSE + "sys.exit(1)", refusal=False))
    assert record is not None
    assert (record.state, record.is_permanent) == ("failed", True)
    assert record.cause.startswith("only 20 interleaved pedestals")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"title": 1}', "no json"])
def test_a_damaged_refusal_is_none(tmp_path, text):
    (tmp_path / "refusal").write_text(text)
    assert read_refusal(tmp_path / "refusal") is None
    assert read_refusal(tmp_path / "absent") is None
