"""A real cron runs the wrapper: a night from raw to published; the next tick does nothing.

Cron looks each minute, so this takes two.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from lstosa_luigi.nightly.service import CRONTAB
from tests.conftest import unavailable
from tests.fakes.mail import MailServer
from tests.fakes.sshd import SshServer
from tests.nightly.conftest import TINY, last_night
from tests.publishing.conftest import ssh_server  # noqa: F401 - a fixture
from tests.waiting import wait_until


def crontab(*words: str, lines: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["crontab", *words], input=lines, capture_output=True, text=True, check=False
    )


@pytest.fixture
def cron(tmp_path) -> Iterator[None]:
    """Start a cron of our own, which has nothing else to do, and leave none behind."""
    if shutil.which("cron") is None or os.getuid() != 0:
        unavailable("a cron can only be started by root, and if it is installed")
    if crontab("-l").stdout.strip():
        unavailable("root has a crontab, which is not to be touched")
    with (tmp_path / "cron.log").open("w") as log:
        process = subprocess.Popen(["cron", "-f", "-L", "15"], stdout=log, stderr=log)
    try:
        time.sleep(0.5)
        if process.poll() is not None:
            unavailable(f"another cron is at work: {(tmp_path / 'cron.log').read_text()}")
        yield
    finally:
        crontab("-r")
        process.terminate()
        process.wait(30)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.mark.cron
@pytest.mark.timeout(400)
def test_cron_has_a_night_made_from_raw_to_closed_mailed_and_published(
    ticks,
    cron,
    mail_server: MailServer,
    ssh_server: SshServer,  # noqa: F811
    tmp_path,
) -> None:
    web = tmp_path / "web"
    it = ticks(
        options={
            "notify": mail_server.options(),
            "publish": {"target": ssh_server.target(web), "ssh": ssh_server.ssh},
            "pages": {"enabled": "true"},
        },
        runs=TINY,
        sources={3: "Mrk 421 β"},
    )
    written = it.night.lstosa(
        "install-service", "--what", "cron", "--directory", str(tmp_path), "--every", "1"
    )
    assert written.stdout.split() == [str(tmp_path / CRONTAB)]
    # what it prints would be mailed: here it is looked at
    printed = tmp_path / "printed"
    lines = (tmp_path / CRONTAB).read_text().replace(" nightly\n", f" nightly >>{printed} 2>&1\n")
    assert str(printed) in lines
    # the tests may be those of a tree that is not the installed one
    tree = f"PYTHONPATH={path}\n" if (path := os.environ.get("PYTHONPATH")) else ""
    told = crontab("-", lines=f"TZ=Europe/Madrid\n{tree}{lines}")
    assert (told.returncode, told.stderr) == (0, "")

    def is_mailed() -> bool:
        assert not printed.exists() or printed.read_text() == ""
        return bool(mail_server.mails)

    wait_until(is_mailed, 150)
    ((_, mail),) = mail_server.mails
    assert mail["Subject"] == f"LST1 {last_night()} (v0.12.3) is closed"
    assert it.night.flag.exists()
    assert set(it.night.made().values()) == {1}
    wait_until((web / "lstosa/index.html").exists, 60)
    (page,) = web.glob("lstosa/*/*/osa_status_*.html")
    assert "Closed" in page.read_text()
    plot = web / f"dl1/{it.night.flat}/pdf/datacheck_dl1_LST-1.Run00003.pdf"
    assert (
        plot.read_bytes()
        == (it.night.base / f"DL1/datacheck_files/{it.night.flat}/{plot.name}").read_bytes()
    )
    (log,) = it.logs()
    assert "is closed since" in log.read_text()

    began = printed.stat().st_mtime_ns
    wait_until(lambda: not it.pids("lstosa nightly"), 30)
    logins = ssh_server.connections()
    closed = {path: path.stat().st_mtime_ns for path in it.night.everything() if path.is_file()}
    it.night.forget_calls()
    lock = it.night.base / "OSA/locks/Nightly_LST1_v0.12.3.lock"
    before = lock.stat().st_mtime_ns
    wait_until(lambda: lock.stat().st_mtime_ns != before, 90)  # the next tick has it
    wait_until(lambda: not it.pids("lstosa nightly"), 30)
    after = {path: path.stat().st_mtime_ns for path in it.night.everything() if path.is_file()}
    changed = {path.name for path, when in after.items() if closed.get(path) != when}
    assert changed <= {lock.name, "publish.lock"}, "only the locks were taken"
    assert ssh_server.connections() == logins
    assert it.night.calls() == []
    assert len(mail_server.mails) == 1
    assert printed.read_text() == ""
    assert printed.stat().st_mtime_ns >= began
