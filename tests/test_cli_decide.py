"""``lstosa decide``, as an operator types it."""

import json
import re
from pathlib import Path

import pytest

from lstosa_luigi.cli import main
from lstosa_luigi.errors import ExitCode
from tests.configuration import configure
from tests.fakes.night import MODEL, FakeNight

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 3))
WHY = ("--why", "told so", "--who", "mara")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FakeNight:
    """A night of which only the run summary is made."""
    night = FakeNight(tmp_path_factory.mktemp("decide") / "night", runs=RUNS)
    assert night.luigi("RunSummary").returncode == 0
    return night


@pytest.fixture
def night(made: FakeNight, monkeypatch):
    """The same night without decisions, known to this process."""
    configure(
        monkeypatch,
        paths={"base": str(made.base)},
        lstchain={"environment": str(made.environment)},
    )
    file_of(made).unlink(missing_ok=True)
    return made


def file_of(night: FakeNight) -> Path:
    return night.base / "OSA/Decisions/Decisions_LST-1_20240302.yaml"


def decide(night: FakeNight, *words: str) -> int:
    return main(["decide", "--date", night.date, *words])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--discard", "4"), "discard run 00004"),
        (("--discard", "00004.0002"), "discard subrun 00004.0002"),
        (("--set-type", "1", "ERROR"), "set-type run 00001 ERROR"),
        (("--veto", "3"), "veto run 00003"),
        (("--drs4", "1"), "drs4 the night 1"),
        (("--pedcalib", "2"), "pedcalib the night 2"),
        (("--time-calibration", "1"), "time-calibration the night 1"),
        (("--rf-model", MODEL), f"rf-model the night {MODEL}"),
        (("--rf-model", MODEL, "--run", "3"), f"rf-model run 00003 {MODEL}"),
        (("--accept-incomplete",), "accept-incomplete the night"),
    ],
)
def test_decision_is_kept_with_who_when_and_why(night, capsys, words, line):
    assert decide(night, *words, *WHY) == ExitCode.OK
    first, end = capsys.readouterr().out.splitlines()[::2]
    assert re.fullmatch(rf"  1  {re.escape(line)}: told so \(mara, 20\S+\+00:00\)", first)
    assert end == str(file_of(night))
    text = file_of(night).read_text()
    assert "why: told so\n  who: mara\n" in text
    assert decide(night) == ExitCode.OK
    assert capsys.readouterr().out.splitlines()[0] == first
    assert file_of(night).read_text() == text


def test_undone_decision_stays_on_record(night, capsys):
    decide(night, "--veto", "3", *WHY)
    assert decide(night, "--undo", "1", "--why", "clear sky", "--who", "jose") == ExitCode.OK
    assert "\n     undone: clear sky (jose, 20" in capsys.readouterr().out
    assert decide(night, "--json") == ExitCode.OK
    listed = json.loads(capsys.readouterr().out)
    assert (listed["schema_version"], listed["date"]) == (1, "2024-03-02")
    (entry,) = listed["decisions"]
    assert (entry["what"], entry["run"], entry["undone"]["who"]) == ("veto", 3, "jose")


def test_veto_can_be_undone_by_its_run(night, capsys):
    decide(night, "--veto", "3", *WHY)
    assert decide(night, "--unveto", "3", *WHY) == ExitCode.OK
    assert decide(night, "--unveto", "3", *WHY) == ExitCode.UNHANDLED
    assert capsys.readouterr().err == "lstosa decide: Run 00003 is not vetoed.\n"


def test_tailcuts_of_another_run_are_kept_by_their_full_name(night, capsys, monkeypatch):
    cuts = {"tailcuts_clean_with_pedestal_threshold": {"picture_thresh": 8, "boundary_thresh": 4}}
    (night.root / "cuts.json").write_text(json.dumps(cuts))
    monkeypatch.chdir(night.root)
    assert decide(night, "--tailcuts", "cuts.json", *WHY) == ExitCode.OK
    assert f"tailcuts the night {night.root}/cuts.json: told so" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--discard", "4.2"), "say why: --why TEXT. It is kept with the decision."),
        (
            ("--discard", "5", *WHY),
            "Run 00005 is not in the run summary; the night has 00001, 00002, 00003, 00004.",
        ),
        (
            ("--discard", "4.3", *WHY),
            "Run 00004 has no subrun 0003: its subruns are 0000 to 0002.",
        ),
        (("--discard", "4.x", *WHY), "--discard 4.x: write RUN or RUN.SUBRUN, as 1808.3"),
        (("--veto", "four", *WHY), "four is no run number; write it as 1808"),
        (("--undo", "1", *WHY), "There is no decision 1; those that hold: none."),
        (
            ("--time-calibration", "7", *WHY),
            "There is no time calibration of run 00007; there are 00001.",
        ),
        (
            ("--rf-model", "best", *WHY),
            "There are no random forests best, nor simulated events to train them of; there are "
            f"{MODEL}.",
        ),
        (("--tailcuts", "/no/such.json", *WHY), "--tailcuts /no/such.json: no such file"),
        (("--veto", "3", "--run", "3", *WHY), "--run goes with --tailcuts and --rf-model only"),
        (("--why", "because"), "--why: nothing is decided. Name a decision, as --discard RUN"),
        (("--all",), "unknown argument --all"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_one_line_and_nothing_is_kept(
    night, capsys, words, message
):
    assert decide(night, *words) == ExitCode.UNHANDLED
    assert tuple(capsys.readouterr()) == ("", f"lstosa decide: {message}\n")
    assert not file_of(night).exists()


def test_two_decisions_at_once_are_refused(night, capsys):
    with pytest.raises(SystemExit) as end:
        decide(night, "--veto", "3", "--discard", "4", *WHY)
    assert end.value.code == ExitCode.UNHANDLED
    assert "not allowed with argument" in capsys.readouterr().err


def test_nothing_can_be_decided_about_runs_that_are_not_known(night, capsys):
    words = ["decide", "--date", "2024-03-01", "--veto", "3", *WHY]
    assert main(words) == ExitCode.TASK_FAILED
    assert capsys.readouterr().err.endswith(
        "RunSummary_20240301.ecsv is not there yet: which runs there are is not known. Have it "
        "made first: luigi --module lstosa_luigi RunSummary --date 2024-03-01\n"
    )


def test_nothing_decided_is_said_in_words(night, capsys):
    assert decide(night) == ExitCode.OK
    assert capsys.readouterr().out == "Nothing is decided about 2024-03-02.\n"
