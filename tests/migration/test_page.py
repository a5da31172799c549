"""The page on coming from lstosa has all that lstosa has, and names nothing here that is not."""

import argparse
import re

import lstosa_luigi
from lstosa_luigi.cli import build_parser
from lstosa_luigi.migration.keys import KEYS
from tests.test_docs import reference_tables, table

PAGE = "migration.rst"
COMMANDS = """sequencer closer autocloser copy_datacheck datasequence sequencer_webmaker
show_run_summary show_run_summary_tcu provprocess simulate_processing calibration_pipeline dl3_stage
theta2_significance source_coordinates reprocessing reprocess_longterm gain_selection
update_source_catalog gainsel_webmaker sequencer_catB_tailcuts organize interleaved_date.py
troubleshooting.py"""
"""Console scripts of lstosa 0.11.10 (pyproject.toml), and its programs that are none."""

FLAGS = """-c --config -d --date -s --simulate -t --test -v --verbose --input-state --no-submit
--no-calib --no-dl1ab --no-gainsel -f --force-submit --prod-id --drs4-pedestal-run --pedcal-run
--pedcal-file
--drs4-pedestal-file --time-calib-file --systematic-correction-file --drive-file --run-summary
--pedestal-ids-file --dl1b-config --dl1-prod-id --overwrite-tailcuts --overwrite-catB
--ignore-cronlock --force --no-dl2 -r --runwise -l --log -y --yes --seq --filter -q --check
--no-queue-check --dates-file --start-time --end-time --tool --r0-path --tcu-db -p --append
--date-obs --local --source --ra --dec --new-prod-id --log-dir --version --no-running
--no-show-processed --more-days"""
"""Flags of all of them (osa/utils/cliopts.py and the scripts themselves)."""

FILES = """sequence_LST1_RRRRR.py sequence_LST1_RRRRR.SSSS.history sequence_LST1_RRRRR.history
sequence_LST1_RRRRR.veto sequence_LST1_RRRRR.closed catB_RRRRR.closed cron.lock prov.log
dl1_LST-1.RunRRRRR.SSSS.h5 muons_LST-1.RunRRRRR.SSSS.fits interleaved_LST-1.RunRRRRR.SSSS.h5
datacheck_dl1_LST-1.RunRRRRR.SSSS.h5 job_information.csv all_history_*.tar.gz GainSelFinished.txt
NightFinished.txt merged_RunSummary.ecsv LST_source_catalog.ecsv osa.db DONE.txt
gain_selection_RRRRR.closed gain_selection_RRRRR.SSSS.sh"""
"""Files that lstosa itself writes or moves."""


def column(name: str, number: int) -> str:
    rows = table(PAGE, name)
    assert len(rows) > 15
    return "\n".join(" ".join(row[number : number + 1]) for row in rows)  # the last may be empty


def test_every_command_flag_and_file_of_lstosa_is_in_its_table() -> None:
    commands = set(re.findall(r"`([^`]+)`", column("lstosa-commands", 0)))
    flags = set(re.findall(r"`([^`]+)`", column("lstosa-flags", 0)))
    files = column("lstosa-files", 0)
    assert set(COMMANDS.split()) <= commands
    assert set(FLAGS.split()) <= flags
    assert not [name for name in FILES.split() if name not in files]


def options() -> dict[str, set[str]]:
    """Return the options of each verb."""
    actions = build_parser()._subparsers._group_actions
    (verbs,) = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    return {name: set(verb._option_string_actions) for name, verb in verbs.choices.items()}


def test_options_and_tasks_that_stand_for_them_exist() -> None:
    names = ("lstosa-commands", "lstosa-flags", "lstosa-files")
    here = "\n".join(column(name, number) for name in names for number in (1, 2))
    known = options()
    used = re.findall(r"`lstosa ([a-z-]+)([^`]*)`", here)
    assert len(used) > 15
    for verb, rest in used:
        if verb in known:
            assert set(re.findall(r"--[a-z0-9-]+", rest)) <= known[verb], (verb, rest)
    tasks = set(re.findall(r"`([A-Z]\w*[a-z]\w*)`", here))
    assert len(tasks) > 8
    assert tasks <= set(lstosa_luigi.__all__)


def test_the_table_of_keys_is_that_of_the_converter() -> None:
    text = reference_tables.lstosa_keys()
    listed = re.findall(r"^   \* - ``\[(\w+)\] (\w+)``$", text, re.MULTILINE)
    assert listed == [(key.section, key.name) for key in KEYS]
