"""Every command line, against the tables of what lstosa calls; no disk is touched.

Where a line differs from lstosa's the name of the test or a comment says so.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi import commands, config
from lstosa_luigi.execution.environment import find_tools

RA = "/b/running_analysis/20200117/v0.1.0"
DL1 = f"{RA}/dl1_LST-1.Run01807.0003.h5"

# fmt: off
LINES = {
    # the database of lstosa is asked by name; here it is refused at once
    "run summary": (
        commands.run_summary, ("20200117", "/b/R0", "/out"),
        ["--date=20200117", "--r0-path=/b/R0", "--output-dir=/out", "--tcu-server=127.0.0.1:1"],
    ),
    "run summary with a database": (
        commands.run_summary, ("20200117", "/b/R0", "/out", "lst101-int"),
        ["--date=20200117", "--r0-path=/b/R0", "--output-dir=/out", "--tcu-server=lst101-int"],
    ),
    "run summaries of all nights": (
        commands.merge_run_summaries, ("/out/merged.ecsv", "/monitoring"),
        ["/out/merged.ecsv", "--monitoring-path=/monitoring"],
    ),
    "DRS4 baseline": (
        commands.drs4_baseline, (1804, "/b", "/b/R0G"),
        ["-r", "01804", "-b", "/b", "--r0-dir=/b/R0G", "--no-progress"],
    ),
    # lstosa leaves the filters to a database; lstchain 0.12 fails without either
    "charge calibration": (
        commands.charge_calibration, (1804, 1809, "/b", "/b/R0G", "52"),
        ["-p", "01804", "-r", "01809", "-b", "/b", "--r0-dir=/b/R0G", "--filters=52"],
    ),
    "charge calibration with the flat-field heuristic": (
        commands.charge_calibration, (1804, 1809, "/b", "/b/R0G", "52", True),
        ["-p", "01804", "-r", "01809", "-b", "/b", "--r0-dir=/b/R0G", "--flatfield-heuristic",
         "--filters=52"],
    ),
    "R0 to DL1": (
        commands.r0_to_dl1, (
            "/b/R0G/20200117/LST-1.1.Run01807.0003.fits.fz", RA, "/c/dl1a.json",
            "/m/DrivePosition_log_20200117.txt", "/m/RunSummary_20200117.ecsv",
            "/m/drs4.h5", "/m/calibration.h5", "/m/time.h5", "/m/systematics.h5",
        ),
        ["--input-file=/b/R0G/20200117/LST-1.1.Run01807.0003.fits.fz", f"--output-dir={RA}",
         "--config=/c/dl1a.json", "--pointing-file=/m/DrivePosition_log_20200117.txt",
         "--run-summary-path=/m/RunSummary_20200117.ecsv", "--pedestal-file=/m/drs4.h5",
         "--calibration-file=/m/calibration.h5", "--time-calibration-file=/m/time.h5",
         "--systematic-correction-file=/m/systematics.h5"],
    ),
    "R0 to DL1 with the pedestals that were found": (
        commands.r0_to_dl1, ("/i", "/o", "", "/d", "/s", "/p", "/c", "/t", "/f",
                             "/a/pedestal_ids_Run01807.0003.h5"),
        ["--input-file=/i", "--output-dir=/o", "--pointing-file=/d", "--run-summary-path=/s",
         "--pedestal-file=/p", "--calibration-file=/c", "--time-calibration-file=/t",
         "--systematic-correction-file=/f",
         "--pedestal-ids-path=/a/pedestal_ids_Run01807.0003.h5"],
    ),
    "R0 to DL1 of data that the event builder calibrated": (
        commands.r0_to_dl1, ("/i", "/o", "", "/d", "/s"),
        ["--input-file=/i", "--output-dir=/o", "--pointing-file=/d", "--run-summary-path=/s"],
    ),
    "gain selection": (
        commands.r0_to_r0g, ("/b/R0/20240302/LST-1.1.Run00003.0000.fits.fz", "/o", "/o/x.log"),
        ["--R0-file=/b/R0/20240302/LST-1.1.Run00003.0000.fits.fz", "--output-dir=/o",
         "--log=/o/x.log", "--no-flatfield-heuristic"],
    ),
    "gain selection with the flat-field heuristic": (
        commands.r0_to_r0g, ("/i", "/o", "/o/x.log", True),
        ["--R0-file=/i", "--output-dir=/o", "--log=/o/x.log"],
    ),
    "gain selection of old data": (
        commands.lst_dvr, ("/i", "/o", 1579289712000000000, 1234567, 72, "UCTS"),
        ["/i", "/o", "1579289712000000000", "1234567", "72", "UCTS"],
    ),
    "tailcuts finder": (
        commands.find_tailcuts, (RA, 1807, "/b/auxiliary/TailCuts"),
        [f"--input-dir={RA}", "--run=1807", "--output-dir=/b/auxiliary/TailCuts"],
    ),
    "Cat-B calibration": (
        commands.catb_calibration, (1807, "/b", "/b/R0G", "52", 1809, "/b/running_analysis"),
        ["-r", "01807", "-b", "/b", "--r0-dir=/b/R0G", "--filters=52",
         "--catA_calibration_run=1809", "--interleaved-dir=/b/running_analysis"],
    ),
    # lstosa's --catA_calibration_run=1809 is replaced where the event builder calibrated
    "Cat-B calibration of the event builder's": (
        commands.catb_calibration,
        (1807, "/b", "/b/R0G", "52", 1809, "/in", "/s/catA.fits.gz", "/s/scan_fit.h5"),
        ["-r", "01807", "-b", "/b", "--r0-dir=/b/R0G", "--filters=52",
         "--cat_A_calibration_file=/s/catA.fits.gz", "--systematics_file=/s/scan_fit.h5",
         "--interleaved-dir=/in"],
    ),
    # of lstcam_calib 0.3.1, which spells some options otherwise than lstosa does
    "DRS4 baseline of lstcam_calib": (
        commands.lstcam_drs4_baseline, (1804, "/b", "/b/R0G"),
        ["-r", "01804", "-b", "/b", "--r0-dir=/b/R0G", "--no-progress", "--output-format=h5",
         "--no-db"],
    ),
    "charge calibration of lstcam_calib": (
        commands.lstcam_charge_calibration, (1804, 1809, "/b", "/b/R0G", "52", True),
        ["-p", "01804", "-r", "01809", "-b", "/b", "--r0-dir=/b/R0G", "--flatfield-heuristic",
         "--filters=52", "--output-format=h5", "--no-db"],
    ),
    "Cat-B calibration of lstcam_calib": (
        commands.lstcam_catb_calibration,
        (1807, "/b", "/b/R0G", "52", 1809, "fits.gz", "/b/running_analysis", "0.12"),
        ["-r", "01807", "-b", "/b", "--r0-dir=/b/R0G", "--filters=52",
         "--catA-calibration-run=1809", "--catA-format=fits.gz", "--dl1-dir=/b/running_analysis",
         "--lstchain-version=0.12"],
    ),
    "DL1a to DL1b": (
        commands.dl1ab, (DL1, "/o/dl1.h5", "/c/dl1b.json"),
        [f"--input-file={DL1}", "--output-file=/o/dl1.h5", "--config=/c/dl1b.json"],
    ),
    # lstosa: --no-image=True, which lstchain 0.12 refuses
    "DL1a to DL1b without images": (
        commands.dl1ab, (DL1, "/o/dl1.h5", "/c/dl1b.json", False),
        [f"--input-file={DL1}", "--output-file=/o/dl1.h5", "--config=/c/dl1b.json", "--no-image"],
    ),
    "DL1a to DL1b with Cat-B": (
        commands.dl1ab, (DL1, "/o/dl1.h5", "/c/dl1b.json", True, "/m/cat_B.h5"),
        [f"--input-file={DL1}", "--output-file=/o/dl1.h5", "--config=/c/dl1b.json",
         "--catB-calibration-file=/m/cat_B.h5"],
    ),
    "check of a subrun": (
        commands.check_dl1, (DL1, "/o", "/muons"),
        [f"--input-file={DL1}", "--output-dir=/o", "--muons-dir=/muons", "--omit-pdf", "--batch"],
    ),
    "check of a run": (
        commands.check_dl1_run, ("/dc/datacheck_dl1_LST-1.Run01807.*.h5", "/dc", "/muons"),
        ["--input-file=/dc/datacheck_dl1_LST-1.Run01807.*.h5", "--output-dir=/dc",
         "--muons-dir=/muons"],
    ),
    "merging of DL1": (
        commands.merge_dl1, ("/dl1", "/dl1/dl1_LST-1.Run01807.h5", 1807, "LST-1"),
        ["--input-dir=/dl1", "--output-file=/dl1/dl1_LST-1.Run01807.h5", "--no-image",
         "--no-progress", "--run-number=1807", "--pattern=dl1_LST-1.Run?????.????.h5"],
    ),
    "merging of muons": (
        commands.merge_muons, ("/muons", "/muons/muons_LST-1.Run01807.fits", 1807, "LST-1"),
        ["--input-dir=/muons", "--output-file=/muons/muons_LST-1.Run01807.fits",
         "--run-number=1807", "--pattern=muons_LST-1.Run?????.????.fits"],
    ),
    "long-term check": (
        commands.longterm_check, ("/dc/20200117", "/lt/DL1_datacheck_20200117.h5", "/muons"),
        ["--input-dir=/dc/20200117", "--output-file=/lt/DL1_datacheck_20200117.h5",
         "--muons-dir=/muons", "--batch"],
    ),
    "Cherenkov transparency": (
        commands.cherenkov_transparency, ("/lt/DL1_datacheck_20200117.h5", "/dc"),
        ["--update-datacheck-file=/lt/DL1_datacheck_20200117.h5", "--input-dir=/dc"],
    ),
    "training": (
        commands.mc_trainpipe, ("/mc/gamma.h5", "/mc/proton.h5", "/models", "/c/rf.json"),
        ["--input-file-gamma=/mc/gamma.h5", "--input-file-proton=/mc/proton.h5",
         "--output-dir=/models", "--config=/c/rf.json"],
    ),
    # lstosa: --input-file, which lstchain 0.12 only knows as --input-files
    "DL1 to DL2": (
        commands.dl1_to_dl2, ("/dl1/dl1_LST-1.Run01807.h5", "/dl2", "/rf", "/c/dl2.json"),
        ["--input-files=/dl1/dl1_LST-1.Run01807.h5", "--output-dir=/dl2", "--path-models=/rf",
         "--config=/c/dl2.json"],
    ),
    "IRF of gammas": (
        commands.irf, ("/mc/gamma.h5", "/dl3/irf.fits.gz", ""),
        ["--input-gamma-dl2=/mc/gamma.h5", "--output-irf-file=/dl3/irf.fits.gz", "--point-like",
         "--overwrite"],
    ),
    "IRF with background": (
        commands.irf, ("/g.h5", "/irf.fits.gz", "/c/dl3.json", "/p.h5", "/e.h5"),
        ["--input-gamma-dl2=/g.h5", "--input-proton-dl2=/p.h5", "--input-electron-dl2=/e.h5",
         "--output-irf-file=/irf.fits.gz", "--point-like", "--overwrite", "--config=/c/dl3.json"],
    ),
    # lstosa: -d -o --input-irf FILE; lstchain 0.12 wants a directory and a pattern
    "DL2 to DL3": (
        commands.dl3, ("/dl2.h5", "/dl3", "/irfs", "irf.fits.gz", "Mrk 421", 166.1, -38.2, ""),
        ["--input-dl2=/dl2.h5", "--output-dl3-path=/dl3", "--input-irf-path=/irfs",
         "--irf-file-pattern=irf.fits.gz", "--source-name=Mrk 421", "--source-ra=166.1deg",
         "--source-dec=-38.2deg", "--gzip", "--overwrite"],
    ),
    "index of DL3": (
        commands.dl3_index, ("/dl3", "/dl3"),
        ["--input-dl3-dir=/dl3", "--output-index-path=/dl3", "--file-pattern=dl3*.fits.gz",
         "--overwrite"],
    ),
}

OWN = {
    "run catalogue": (
        commands.run_catalog, ([3, 4], "/s.ecsv", "/t.txt", "lst101-int", 3.0, "/out.ecsv"),
        ["--runs=3,4", "--run-summary=/s.ecsv", "--target-log=/t.txt", "--tcu-db=lst101-int",
         "--timeout=3", "--output=/out.ecsv"],
    ),
    "run catalogue without a database": (
        commands.run_catalog, ([3], "/s.ecsv", "", "", 3.0, "/out.ecsv"),
        ["--runs=3", "--run-summary=/s.ecsv", "--output=/out.ecsv"],
    ),
    "filter wheels": (
        commands.filter_wheels, (1809, "lst101-int:27018", 0.5, "/out.json"),
        ["--run=1809", "--caco-db=lst101-int:27018", "--timeout=0.5", "--output=/out.json"],
    ),
}
# fmt: on


@pytest.mark.parametrize(("command", "arguments", "options"), OWN.values(), ids=OWN)
def test_programs_of_this_package_run_in_its_own_environment(command, arguments, options):
    python, program, name, *given = command(*arguments)
    assert python == sys.executable
    assert program == str(commands.PROGRAMS / "execute.py")
    assert name == command.__name__
    assert given == options


@pytest.mark.parametrize(("command", "arguments", "options"), LINES.values(), ids=LINES)
def test_command_line_is_lstosas(command, arguments, options):
    assert list(command("tool", *arguments)) == ["tool", *options]


@pytest.mark.parametrize(
    "line",
    [
        commands.r0_to_dl1("tool", "/i", "/o", "", "/d", "/s", "/p", "/c", "/t", "/f"),
        commands.dl1ab("tool", "/i", "/o", ""),
        commands.mc_trainpipe("tool", "/g", "/p", "/o", ""),
        commands.dl1_to_dl2("tool", "/i", "/o", "/m", ""),
        commands.irf("tool", "/g", "/o", ""),
        commands.dl3("tool", "/i", "/o", "/r", "irf", "Crab", 83.6, 22.0, ""),
    ],
    ids=lambda line: line[1],
)
def test_tool_takes_its_standard_config_if_none_is_configured(line):
    assert not [word for word in line if word.startswith("--config")]


def test_configured_command_may_carry_options_of_its_own():
    line = commands.drs4_baseline("my_tool --tel-id=1 --note 'two words'", 1, "/b", "/r")
    assert line[:5] == ("my_tool", "--tel-id=1", "--note", "two words", "-r")


OURS = {"account_plot", "first_events", "link_or_copy"}
"""Commands that start a program of ours with the Python of the tools."""


def test_every_kind_of_command_is_in_the_table():
    listed = (*LINES.values(), *OWN.values())
    assert {command.__name__ for command, _, _ in listed} == set(commands.__all__) - OURS


def test_programs_of_ours_are_run_by_their_path():
    look = commands.first_events(["/R0/a b", "/R0/c"], "/o.json")
    copy = commands.link_or_copy("/R0/20240302", ["a", "b"], "/o")
    plot = commands.account_plot("/o.png", "png")
    assert {line[0] for line in (look, copy, plot)} == {"python"}
    assert all(Path(line[1]).is_file() for line in (look, copy, plot))
    assert plot[2:] == ("/o.png", "png")
    assert look[2:] == ("--output-file=/o.json", "/R0/a b", "/R0/c")
    assert copy[2:] == ("--output-dir=/o", "--from=/R0/20240302", "a", "b")


# --- the real tools ------------------------------------------------------------------------

ASK_HELP = """
import contextlib, importlib.metadata, io, json, sys
entry = {e.name: e for e in importlib.metadata.distribution("lstchain").entry_points}
texts = {}
for name in sys.argv[1:]:
    printed = io.StringIO()
    sys.argv = [name, "--help"]
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            entry[name].load()()
        except SystemExit:
            pass
    texts[name] = printed.getvalue()
json.dump(texts, sys.stdout)
"""
"""All tools in one process: each imports the same half of astronomy, which takes seconds."""

TOOLS = {
    "run_summary": ["run summary"],
    "drs4_baseline": ["DRS4 baseline"],
    "charge_calibration": ["charge calibration with the flat-field heuristic"],
    "catB_calibration": ["Cat-B calibration", "Cat-B calibration of the event builder's"],
    "r0_to_dl1": ["R0 to DL1", "R0 to DL1 with the pedestals that were found"],
    "r0_to_r0g": ["gain selection"],
    "tailcuts_finder": ["tailcuts finder"],
    "dl1ab": ["DL1a to DL1b without images", "DL1a to DL1b with Cat-B"],
    "check_dl1": ["check of a subrun", "check of a run"],
    "merge_dl1": ["merging of DL1"],
    "merge_muons": ["merging of muons"],
    "merge_run_summaries": ["run summaries of all nights"],
    "longterm_check": ["long-term check"],
    "cherenkov_transparency": ["Cherenkov transparency"],
    "mc_trainpipe": ["training"],
    "dl1_to_dl2": ["DL1 to DL2"],
    "create_irf": ["IRF with background"],
    "create_dl3": ["DL2 to DL3"],
    "create_dl3_index": ["index of DL3"],
}
"""Key of [lstchain] that names the tool, and the lines above that it is given."""


@pytest.fixture(scope="module")
def help_texts(tools_environment, tmp_path_factory):
    options = config.lstchain(environment=str(tools_environment))
    tools = find_tools(options)
    folder = tmp_path_factory.mktemp("help")  # some tools write a log where they stand
    names = {key: getattr(options, key) for key in TOOLS}
    answer = subprocess.run(
        [*tools.python, "-c", ASK_HELP, *names.values()],
        env=tools.variables(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    texts = json.loads(answer.stdout)
    return {key: texts[name] for key, name in names.items()}


@pytest.mark.lstchain
@pytest.mark.parametrize("key", TOOLS)
def test_real_tool_knows_every_option_it_is_given(help_texts, key):
    known = set(re.findall(r"(?<![\w-])--?[\w-]+", help_texts[key]))
    given = {
        word.partition("=")[0]
        for name in TOOLS[key]
        for word in LINES[name][2]
        if word.startswith("-")
    }
    assert given <= known


@pytest.mark.lstchain
@pytest.mark.parametrize(
    ("key", "option"), [("dl1_to_dl2", "--input-file"), ("create_dl3", "--input-irf")]
)
def test_real_tool_does_not_know_what_lstosa_gives_it(help_texts, key, option):
    """Why the command lines differ from lstosa's; to be undone should a release know them again."""
    assert option not in re.findall(r"(?<![\w-])--?[\w-]+", help_texts[key])
