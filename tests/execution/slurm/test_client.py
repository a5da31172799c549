"""The client commands of Slurm, played by shell scripts: what they are given, what they say."""

import time

import pytest

from lstosa_luigi.execution.slurm import client
from lstosa_luigi.execution.slurm.client import Away, Limits, Refused, Slurm, job_variables
from lstosa_luigi.execution.slurm.parse import Accounting, ElementId, QueueRow, Refusal

QUICK_S = 20
"""What takes no longer was not waited for: the stand-ins would sleep for a minute."""
SLEEP = "exec sleep 60"


@pytest.fixture
def note(stand_in, tmp_path):
    """Return a function that makes a stand-in which notes its arguments and says something."""

    def make(name, printed="", code=0):
        answer = tmp_path / f"{name}.answer"
        answer.write_text(printed)
        notes = tmp_path / f"{name}.calls"
        stand_in(name, f'printf "%s\\n" "$*" >> {notes}\ncat {answer}\nexit {code}')
        return lambda: notes.read_text().splitlines() if notes.exists() else []

    return make


def refusal(slurm, script="#!/bin/sh\n"):
    with pytest.raises(Refused) as caught:
        slurm.submit(script, "lstosa-a")
    return caught.value.kind, str(caught.value)


# --- sbatch --------------------------------------------------------------------------------


def test_script_is_submitted_through_stdin_under_a_name(stand_in, tmp_path):
    stand_in(
        "sbatch", f'printf "%s\\n" "$@" > {tmp_path}/words\ncat > {tmp_path}/script\necho 1234'
    )
    slurm = Slurm()
    text = "#!/bin/sh\n#SBATCH --comment=é\nexec true\n" + "# long\n" * 20000
    assert slurm.submit(text, "lstosa-a b") == 1234
    assert (tmp_path / "script").read_text() == text
    assert (tmp_path / "words").read_text() == "--parsable\n--job-name=lstosa-a b\n"
    assert slurm.calls == {"sbatch": 1}


def test_id_on_one_of_several_clusters_is_read(stand_in):
    stand_in("sbatch", "cat > /dev/null; echo '1234;lapalma'")
    assert Slurm().submit("#!/bin/sh\n", "a") == 1234


def test_warning_does_not_hide_the_id(stand_in):
    stand_in("sbatch", "cat > /dev/null; echo 'sbatch: warning: n1 is slow' >&2; echo 1234")
    assert Slurm().submit("#!/bin/sh\n", "a") == 1234


def test_sbatch_that_does_not_answer_may_have_submitted(stand_in):
    stand_in("sbatch", f"cat > /dev/null; {SLEEP}")
    began = time.monotonic()
    kind, text = refusal(Slurm(patience=0.2))
    assert (kind, text) == (Refusal.UNCERTAIN, "sbatch did not answer in time")
    assert time.monotonic() - began < QUICK_S


def test_missing_sbatch_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    kind, text = refusal(Slurm())
    assert kind is Refusal.NEVER
    assert text == "sbatch: No such file or directory; is Slurm installed?"


# --- environment ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["sbatch", "squeue", "sacct", "scancel", "scontrol"])
def test_presets_of_the_user_do_not_reach_slurm(stand_in, tmp_path, monkeypatch, command):
    presets = ("SBATCH_PARTITION", "SQUEUE_FORMAT", "SACCT_FORMAT", "SCANCEL_INTERACTIVE")
    for name in presets:
        monkeypatch.setenv(name, "preset")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/test.conf")
    monkeypatch.setenv("SLURM_BITSTR_LEN", "64")
    stand_in(command, f"env > {tmp_path}/env\necho 1234")
    slurm = Slurm()
    {
        "sbatch": lambda: slurm.submit("", "a"),
        "squeue": slurm.queue,
        "sacct": lambda: slurm.accounting([ElementId(1, 2)]),
        "scancel": lambda: slurm.cancel([1]),
        "scontrol": slurm.limits,
    }[command]()
    seen = (tmp_path / "env").read_text().splitlines()
    assert "SLURM_BITSTR_LEN=0" in seen
    assert "SLURM_CONF=/etc/slurm/test.conf" in seen
    assert not [line for line in seen if line.startswith(presets)]


@pytest.mark.parametrize(
    ("export", "got"),
    [
        ("", {"HOME": "/home/lstana", "SLURM_CONF": "/etc/s.conf"}),
        ("NAME, OTHER=5", {"HOME": "/home/lstana", "SLURM_CONF": "/etc/s.conf"}
         | {"NAME": "a=b", "OTHER": "5"}),
        ("HOME=/tmp,MISSING", {"HOME": "/tmp", "SLURM_CONF": "/etc/s.conf"}),
        ("ALL,OTHER=5", {"HOME": "/home/lstana", "SLURM_CONF": "/etc/s.conf"}
         | {"NAME": "a=b", "SHELL": "/bin/zsh", "OTHER": "5"}),
    ],
)  # fmt: skip
def test_jobs_get_the_variables_that_are_named(export, got):
    variables = {
        "HOME": "/home/lstana",
        "NAME": "a=b",
        "SHELL": "/bin/zsh",
        "SLURM_CONF": "/etc/s.conf",
    }
    assert job_variables(variables, export) == got


# --- squeue, sacct, scancel, scontrol ------------------------------------------------------


def test_queue_of_this_user_is_asked_for_element_by_element(note):
    calls = note("squeue", "14_3|PENDING|Resources|lstosa-a\n219|RUNNING|None|other\n")
    assert Slurm().queue() == [QueueRow(ElementId(14, 3), "PENDING", "Resources", "lstosa-a")]
    assert calls() == ["--me -h -r -o %i|%T|%r|%j"]


def test_accounting_is_asked_once_for_each_array(note):
    calls = note(
        "sacct",
        "14_3|FAILED|3:0|12||n1|a\n14_3.batch|FAILED|3:0|12|2048K|n1|batch\n"
        "14_4|COMPLETED|0:0|12||n1|a\n9_[2-9]|CANCELLED by 0|0:0|0||None assigned|a\n",
    )
    elements = [ElementId(14, 3), ElementId(9, 5), ElementId(14, 7)]
    assert Slurm().accounting(elements) == {
        ElementId(14, 3): Accounting("FAILED", "", 3, 0, 12, 2048, "n1"),
        ElementId(9, 5): Accounting("CANCELLED", "0"),
    }
    assert calls() == ["-n -P -o JobID,State,ExitCode,ElapsedRaw,MaxRSS,NodeList,JobName -j 14,9"]


def test_nothing_is_asked_about_nothing(note):
    calls = note("sacct"), note("scancel")
    slurm = Slurm()
    assert slurm.accounting([]) == {}
    slurm.cancel([])
    assert [call() for call in calls] == [[], []]
    assert not slurm.calls


def test_many_ids_are_split_over_several_calls(note, monkeypatch):
    monkeypatch.setattr(client, "IDS_IN_ONE_CALL", 3)
    asked, cancelled = note("sacct"), note("scancel")
    slurm = Slurm()
    slurm.accounting([ElementId(100 + n // 2, n) for n in range(14)])
    slurm.cancel([100, 101, "102_4", ElementId(103, 5), "103_6", 104, 105])
    assert [line.rpartition(" -j ")[2] for line in asked()] == ["100,101,102", "103,104,105", "106"]
    assert cancelled() == ["-Q 100 101 102_4", "-Q 103_5 103_6 104", "-Q 105"]
    assert slurm.calls == {"sacct": 3, "scancel": 3}


def test_jobs_are_cancelled_by_name_but_only_ours(note):
    calls = note("scancel")
    Slurm().cancel_named("lstosa-a")
    assert calls() == ["-Q --me --name=lstosa-a"]


def test_limits_of_the_cluster_are_asked_for(stand_in):
    stand_in(
        "scontrol",
        'case "$*" in\n'
        '"show config") echo "MaxArraySize            = 12" ;;\n'
        '"show partition -o") echo "PartitionName=short State=UP MaxTime=06:00:00 MinNodes=0" ;;\n'
        "*) exit 1 ;;\nesac",
    )
    slurm = Slurm()
    assert slurm.limits() == Limits(12, {"short": 21600})
    assert slurm.calls == {"scontrol": 2}


ASK = {
    "squeue": lambda slurm: slurm.queue(),
    "sacct": lambda slurm: slurm.accounting([ElementId(1, 2)]),
    "scancel": lambda slurm: slurm.cancel([1]),
    "scontrol": lambda slurm: slurm.limits(),
}


@pytest.mark.parametrize("command", ASK)
def test_command_that_fails_says_why(stand_in, command):
    text = "error: Unable to contact slurm controller (connect failure)"
    stand_in(command, f"echo '{text}' >&2; exit 1")
    with pytest.raises(Away, match=r"^error: Unable to contact slurm controller \(connect"):
        ASK[command](Slurm())


@pytest.mark.parametrize("command", ASK)
def test_command_that_says_nothing_is_told_by_its_exit_code(stand_in, command):
    stand_in(command, "exit 140")
    with pytest.raises(Away, match=f"^{command} ended with 140$"):
        ASK[command](Slurm())


@pytest.mark.parametrize("command", ASK)
def test_command_that_hangs_is_given_up(stand_in, command):
    stand_in(command, SLEEP)
    slurm = Slurm(patience=0.2)
    began = time.monotonic()
    with pytest.raises(Away, match=f"^{command} did not answer within 0 s$"):
        ASK[command](slurm)
    assert time.monotonic() - began < QUICK_S
    assert slurm.calls == {command: 1}


@pytest.mark.parametrize("command", ASK)
def test_missing_command_is_told(tmp_path, monkeypatch, command):
    monkeypatch.setenv("PATH", str(tmp_path))
    text = f"^{command}: No such file or directory; is Slurm installed"
    with pytest.raises(Away, match=text):
        ASK[command](Slurm())


def test_answer_with_odd_bytes_is_read(stand_in):
    stand_in("squeue", r"printf '14_3|RUNNING|None|\377\n14_4|RUNNING|None|a\n'")
    assert [str(row.element) for row in Slurm().queue()] == ["14_3", "14_4"]


# --- what sbatch says when it refuses ------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "code", "kind", "text"),
    [
        (
            "sbatch: error: QOSMaxSubmitJobPerUserLimit\n"
            "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy "
            "(job submit limit, user's size and/or time limits)",
            1,
            Refusal.LIMIT,
            "error: QOSMaxSubmitJobPerUserLimit; error: Batch job submission failed: Job violates "
            "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        ),
        (
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller "
            "(connect failure)",
            1,
            Refusal.AWAY,
            "error: Batch job submission failed: Unable to contact slurm controller "
            "(connect failure)",
        ),
        (
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
            1,
            Refusal.UNCERTAIN,
            "error: Batch job submission failed: Socket timed out on send/recv operation",
        ),
        (
            "sbatch: error: Invalid --time specification",
            255,
            Refusal.NEVER,
            "error: Invalid --time specification",
        ),
        ("", 1, Refusal.NEVER, "sbatch ended with 1"),
    ],
)
def test_refusal_tells_its_kind_and_its_text_in_one_line(stand_in, said, code, kind, text):
    stand_in("sbatch", f'cat > /dev/null\nprintf "%s" "{said}" >&2\nexit {code}')
    assert refusal(Slurm()) == (kind, text)


def test_refusal_before_the_script_is_read_is_told_all_the_same(stand_in):
    stand_in("sbatch", "exec < /dev/null; echo 'sbatch: error: Invalid --time' >&2; exit 255")
    script = "#!/bin/sh\n" + "# long\n" * 100_000  # more than a pipe holds
    assert refusal(Slurm(), script) == (Refusal.NEVER, "error: Invalid --time")


def test_sbatch_that_waits_for_a_place_is_ended_at_once(stand_in):
    text = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"
    stand_in("sbatch", f"cat > /dev/null\necho '{text}' >&2\n{SLEEP}")
    began = time.monotonic()
    assert refusal(Slurm()) == (Refusal.LIMIT, text.removeprefix("sbatch: "))
    assert time.monotonic() - began < QUICK_S
