"""Telling by mail and by command, against a real server: once, and never in anybody's way."""

import json
import shutil
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lstosa_luigi import config
from lstosa_luigi.cli import main
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.hours import utc_now
from lstosa_luigi.notify.memory import Troubles
from lstosa_luigi.notify.telling import Teller, look_after, tell_obstacle
from lstosa_luigi.status.facts import Queue
from tests.fakes import made
from tests.fakes.mail import MailServer
from tests.notify.conftest import Watched

DL2 = "DL2 Run00003"


def teller_of(watched: Watched, said: list[str]) -> Teller:
    troubles = Troubles(watched.root.layout.troubles())
    return Teller(config.load().notify, troubles, said.append)


def look(watched: Watched) -> tuple[bool, list[str]]:
    """Look after the night as one tick does; return whether all was told, and what was printed."""
    said: list[str] = []
    is_told = look_after([watched.root], teller_of(watched, said), utc_now(), Queue())
    return is_told, said


def failed(watched, **notify: str) -> Watched:
    night = watched({"closed_by": "", **notify})
    made.fill(night.root, but=DL2)
    made.fail(night.root, DL2)
    return night


def test_a_night_that_needs_a_person_is_mailed_once(watched, mail_server) -> None:
    night = failed(watched, **mail_server.options(recipients="a@example.org, b@example.org"))
    assert look(night) == (True, [])
    ((recipients, mail),) = mail_server.mails
    assert recipients == ["a@example.org", "b@example.org"]
    assert mail["From"] == "lstosa@example.org"
    assert mail["Subject"].startswith("LST1 2024-03-02 (v0.12.3) needs a person: FAILED DL2 Run0")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert "--accept-incomplete" in mail.get_content()
    assert look(night) == (True, [])
    assert len(mail_server.mails) == 1


def test_a_closed_night_is_mailed_once(watched, mail_server) -> None:
    night = watched(mail_server.options())
    made.fill(night.root)
    made.close(night.root)
    assert [look(night), look(night)] == [(True, [])] * 2
    ((_, mail),) = mail_server.mails
    assert mail["Subject"] == "LST1 2024-03-02 (v0.12.3) is closed"
    assert mail.get_content().strip() == night.root.conclusion()


def test_names_of_any_letters_arrive_as_they_are(watched, mail_server) -> None:
    source = "Śniadecki β 1ES 1959+650 – čtvrtý"
    night = watched(mail_server.options(), sources={3: source})
    made.fill(night.root, but=r"DL3Index.*")
    title = next(t.title for t in made.products(night.root) if t.task_family == "DL3Index")
    assert source in title
    made.fail(night.root, title, "exit code 1: ošklivé")
    look(night)
    ((_, mail),) = mail_server.mails[:1]
    assert f"{source}: exit code 1: ošklivé" in mail["Subject"]
    assert f"FAILED  {title}: exit code 1: ošklivé" in mail.get_content()


def test_a_server_that_is_down_is_told_of_once_and_the_mail_comes_when_it_is_back(
    watched, mail_server
) -> None:
    night = failed(watched, **mail_server.options())
    mail_server.stop()
    is_told, said = look(night)
    assert not is_told
    assert len(said) == 1
    assert said[0].startswith("WARNING: nobody can be told by mail (")
    assert said[0].endswith("It is tried again each time, and told of no more until it works.")
    assert look(night) == (False, [])
    mail_server.start()
    assert look(night) == (True, [])
    assert len(mail_server.mails) == 1
    mail_server.stop()
    made.fail(night.root, DL2, "exit code 2")
    assert len(look(night)[1]) == 1, "it is down once more"


def test_a_server_that_is_down_is_waited_for_once_and_keeps_no_other_way_from_being_told(
    watched, mail_server, tmp_path, monkeypatch
) -> None:
    mail_server.stop()
    command = f'{sys.executable} -c \'open("{tmp_path}/told", "a").write("told;")\''
    night = failed(watched, **mail_server.options(command=command, closed_by="14:00"))
    calls = []
    monkeypatch.setattr(
        "lstosa_luigi.notify.mail.send", lambda *_: calls.append(1) or _refuse_connection()
    )
    assert look(night)[0] is False
    assert (tmp_path / "told").read_text() == "told;told;"  # it needs a person, and is late
    assert calls == [1]
    assert look(night)[0] is False
    assert (tmp_path / "told").read_text() == "told;told;"


def _refuse_connection() -> None:
    raise ConnectionRefusedError(111, "Connection refused")


def test_a_recipient_who_is_refused_is_told_of_once_and_the_others_get_it(
    watched, mail_server
) -> None:
    mail_server.refused = {"gone@example.org"}
    recipients = "shift@example.org, gone@example.org"
    night = failed(watched, **mail_server.options(recipients=recipients))
    is_told, said = look(night)
    assert is_told
    assert said == [
        "WARNING: the server refuses gone@example.org: 550 no such person. Correct [notify] "
        "recipients."
    ]
    assert [to for to, _ in mail_server.mails] == [["shift@example.org"]]
    assert look(night) == (True, [])
    made.fail(night.root, DL2, "exit code 2")
    assert look(night) == (True, [])


def test_if_all_are_refused_it_is_tried_again(watched, mail_server) -> None:
    mail_server.refused = {"shift@example.org"}
    night = failed(watched, **mail_server.options())
    is_told, (warning,) = look(night)
    assert not is_told
    assert "(the server refuses shift@example.org: 550 no such person)" in warning
    mail_server.refused = set()
    assert look(night) == (True, [])
    assert len(mail_server.mails) == 1


# --- encryption and login ------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Make a certificate of this host, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words += ["-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder / "certificate.pem"


@pytest.fixture
def safe_server(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = MailServer(context, b"password")
    server.start()
    yield server
    server.stop()


def test_password_goes_encrypted_to_a_server_that_is_who_it_says(
    watched, safe_server, certificate, tmp_path, monkeypatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password\n")
    secret.chmod(0o600)
    options = safe_server.options(
        smtp_starttls="true", smtp_user="lstosa", smtp_password_file=str(secret)
    )
    night = failed(watched, **options)
    is_told, (warning,) = look(night)
    assert not is_told, "nobody has signed its certificate"
    assert "certificate verify failed" in warning
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert safe_server.users == []
    assert look(night) == (True, [])
    assert (safe_server.users, len(safe_server.mails)) == (["lstosa"], 1)


def test_password_may_be_in_the_environment(watched, safe_server, certificate, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    night = failed(watched, **safe_server.options(smtp_starttls="true", smtp_user="lstosa"))
    _, (warning,) = look(night)
    assert "there is no password; name a file in smtp_password_file, or set LSTOSA_SMTP" in warning
    for password in ("wrong", "pässwörd"):
        monkeypatch.setenv("LSTOSA_SMTP_PASSWORD", password)
        assert look(night) == (False, [])
    monkeypatch.setenv("LSTOSA_SMTP_PASSWORD", "password")
    assert look(night) == (True, [])


def test_password_that_others_may_read_is_not_used(watched, mail_server, tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    secret.chmod(0o640)
    options = mail_server.options(smtp_user="me", smtp_password_file=str(secret))
    _, (warning,) = look(failed(watched, **options))
    # a plain server offers no login, but that is not even asked
    assert f"smtp_password_file = {secret}: others may read it; chmod 600 {secret}" in warning
    secret.unlink()
    _, (warning,) = look(failed(watched, **options))
    assert f"smtp_password_file = {secret}: No such file or directory" in warning


# --- a command -----------------------------------------------------------------------------

KEEP = """#!{python}
import json, os, sys
facts = {{k: v for k, v in os.environ.items() if k.startswith("LSTOSA_")}}
with open("{file}", "a") as file:
    print(json.dumps([sys.argv[1:], sys.stdin.read(), facts]), file=file)
"""


def keeper(tmp_path: Path) -> tuple[Path, Path]:
    """Return a command that keeps what it is told, and where."""
    script, file = tmp_path / "keep it", tmp_path / "kept"
    script.write_text(KEEP.format(python=sys.executable, file=file))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script, file


def test_a_command_gets_the_message_and_the_facts_and_no_shell(watched, tmp_path) -> None:
    script, file = keeper(tmp_path)
    night = failed(watched, command=f"'{script}' --to '$HOME;x' # y")
    assert [look(night), look(night)] == [(True, [])] * 2
    ((words, message, facts),) = [json.loads(line) for line in file.read_text().splitlines()]
    assert words == ["--to", "$HOME;x", "#", "y"]
    assert message.startswith("Night 2024-03-02 (v0.12.3) is not closed.\n\nFAILED  DL2 Run00003")
    assert facts["LSTOSA_EVENT"] == "needs_person"
    assert facts["LSTOSA_DATE"] == "2024-03-02"
    assert facts["LSTOSA_STANDING"] == "failed"
    known = json.loads(facts["LSTOSA_FACTS"])
    assert known["subject"] == facts["LSTOSA_SUBJECT"]
    assert known["n_reasons"] == len(known["reasons"]) == 1
    assert known["next_steps"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("sh -c 'echo no line >&2; exit 3'", "sh ends with 3: no line"),
        ("/no/such/program", "/no/such/program: No such file or directory"),
        ("sleep 60", "sleep does not end within 0.2 s"),
    ],
)
def test_a_command_that_fails_is_told_of_once_and_tried_again(watched, command, words) -> None:
    night = failed(watched, command=command, timeout="0.2" if "sleep" in command else "30")
    is_told, (warning,) = look(night)
    assert not is_told
    assert warning.startswith(f"WARNING: nobody can be told by command ({words}).")
    assert look(night) == (False, [])


# --- neither -------------------------------------------------------------------------------


def test_without_any_way_what_needs_a_person_is_printed_and_a_closed_night_is_not(watched) -> None:
    night = failed(watched)
    is_told, (text,) = look(night)
    assert is_told
    assert text.startswith("LST1 2024-03-02 (v0.12.3) needs a person: FAILED DL2 Run00003")
    assert look(night) == (True, [])
    made.fill(night.root)
    made.close(night.root)
    assert look(night) == (True, [])


def test_what_cannot_be_kept_is_not_told_at_all(watched, mail_server) -> None:
    night = failed(watched, **mail_server.options())
    night.told.parent.mkdir(parents=True)
    night.told.mkdir()  # as a full disk does, this lets nothing be written
    is_told, said = look(night)
    assert not is_told
    assert said
    assert all("cannot be kept" in text for text in said)
    assert mail_server.mails == []
    night.told.rmdir()
    assert look(night) == (True, [])


def test_a_damaged_table_is_told_in_its_own_words(watched, mail_server) -> None:
    night = failed(watched, **mail_server.options())
    night.night.run_summary.write_text("run_id\nfour\n")
    look(night)
    ((_, mail),) = mail_server.mails
    assert str(night.night.run_summary) in mail.get_content()


def test_an_obstacle_is_told_once_whatever_it_says_the_next_time(watched, mail_server) -> None:
    night = failed(watched, **mail_server.options())
    for text in ("No luigid answers (refused)", "No luigid answers (timed out)"):
        tell_obstacle(night.root, teller_of(night, []), text, "luigid")
    ((_, mail),) = mail_server.mails
    assert mail["Subject"].endswith("needs a person: No luigid answers (refused)")


def test_what_is_told_by_hand_is_not_told_again_and_a_dry_run_tells_nobody(
    watched, mail_server, capsys
) -> None:
    night = failed(watched, **mail_server.options())
    words = ["notify", "--date", night.night.date]
    assert main([*words, "--dry-run"]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert printed.startswith("Would be told (mail): LST1 2024-03-02 (v0.12.3) needs a person")
    assert "--accept-incomplete" in printed
    assert (mail_server.mails, night.told.exists()) == ([], False)
    assert main(words) == ExitCode.OK
    assert len(mail_server.mails) == 1
    assert main([*words, "--dry-run"]) == ExitCode.OK
    assert capsys.readouterr().out == "Nothing is new of the night of 2024-03-02.\n"
    mail_server.stop()
    made.fail(night.root, DL2, "exit code 2")
    assert main(words) == ExitCode.NOT_RUN
    assert capsys.readouterr().out.startswith("WARNING: nobody can be told by mail (")


def test_a_night_that_was_never_begun_is_late_too(watched, mail_server) -> None:
    night = watched(mail_server.options())
    night.night.run_summary.unlink()
    assert look(night) == (True, [])
    ((_, mail),) = mail_server.mails
    assert mail["Subject"] == "LST1 2024-03-02 (v0.12.3) is not closed by 14:00 UTC"


def test_nothing_is_told_of_a_night_that_was_not_observed(watched, mail_server) -> None:
    night = watched(mail_server.options())
    night.night.run_summary.unlink()
    shutil.rmtree(night.night.base / "R0")
    assert look(night) == (True, [])
    assert (mail_server.mails, (night.night.base / "OSA").exists()) == ([], False)
