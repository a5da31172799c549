"""What is published, where it goes, and what happens when it cannot."""

import datetime
import json
import os
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from lstosa_luigi import config
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.execution.files import scratch_name
from lstosa_luigi.nightly.publishing import publish_nights
from lstosa_luigi.notify.memory import Troubles
from lstosa_luigi.notify.telling import Teller
from lstosa_luigi.publishing import target
from lstosa_luigi.publishing.links import links_of, relinked
from lstosa_luigi.publishing.target import TargetError
from tests.conftest import fill
from tests.fakes import made
from tests.fakes.mail import MailServer
from tests.publishing.conftest import NOON
from tests.waiting import wait_until

HOUR = datetime.timedelta(hours=1)
PAGE = "lstosa/20240302/v0.12.3/osa_status_LST-1_20240302.html"
LONGTERM = "dl1/20240302/DL1_datacheck_20240302"
DATACHECK = "dl1/20240302/pdf/datacheck_dl1_LST-1.Run00003.pdf"
DRS4 = "drs4/v0.12.3/20240302/drs4_pedestal.Run00001.0000.pdf"
EXPECTED = [
    *(f"{LONGTERM}{suffix}" for suffix in (".h5", ".html", ".log")),
    DATACHECK,
    DRS4,
    "enf_calibration/v0.12.3/20240302/calibration_filters_52.Run00002.0000.pdf",
    "lstosa/20240302/v0.12.3/osa_gainsel_status_LST-1_20240302.html",
    PAGE,
    "lstosa/LST_source_catalog.html",
    "lstosa/index.html",
]


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def links_with_targets(page: Path) -> list[Path]:
    links = links_of(page.read_text())
    return [Path(os.path.normpath(page.parent / link)) for link in links]


def test_links_lead_to_what_is_published() -> None:
    page = (
        '<a href="../p%20q.pdf">one</a> <a href="../p%20q.pdf#page=2"><img src="t.png"></a> '
        '<a href="gone.log">log</a> <a href="#part">part</a> <a href="sub/b.html">b</a>'
    )
    places = {os.path.realpath("/night/p q.pdf"): "dl1/p q.pdf"}
    source, root = Path("/night/pages/a.html"), Path("/night/pages/sub")
    assert relinked(page, source, root, PurePosixPath("lstosa/a.html"), places) == (
        '<a href="../dl1/p%20q.pdf">one</a> <a href="../dl1/p%20q.pdf#page=2">'
        '<img src="t.png"></a> log <a href="#part">part</a> <a href="sub/b.html">b</a>'
    )


def test_places_are_those_of_lstosa_and_all_links_of_pages_lead_somewhere(published) -> None:
    it = published()
    high_level = it.night.base / "OSA/HighLevel/20240302/v0.12.3/Theta2_Mrk 421_2024-03-02.png"
    high_level.parent.mkdir(parents=True)
    high_level.write_bytes(b"png")
    assert it.publish() == []
    place = "high_level/v0.12.3/20240302/Theta2_Mrk 421_2024-03-02.png"
    assert it.there() == sorted([*EXPECTED, place])
    links = links_with_targets(it.target / PAGE)
    assert it.target / DATACHECK in links
    assert it.target / f"{LONGTERM}.html" in links
    for page in it.target.rglob("*.html"):
        assert all(link.exists() for link in links_with_targets(page)), page


def test_drawings_come_along_and_lead_to_what_is_published(published) -> None:
    it = published()
    drawing = it.root.layout.log("").parent / "night_20240302_prov.svg"
    drawing.parent.mkdir(parents=True, exist_ok=True)
    plot = it.root.layout.drs4_plot(1)
    there = os.path.relpath(plot, drawing.parent)
    drawing.write_text(
        f'<svg><a xlink:href="{there}" xlink:title="a">x</a>'
        '<a xlink:href="../../R0/raw.fits.fz" xlink:title="b">y</a></svg>'
    )
    drawing.with_suffix(".json").write_text("{}")
    assert it.night.lstosa("pages", "--date", it.night.date).returncode == 0
    assert it.publish() == []
    copy = it.target / "lstosa/20240302/v0.12.3/files" / drawing.name
    assert copy in links_with_targets(it.target / PAGE)
    assert copy.with_suffix(".json").exists()
    link = os.path.relpath(it.target / DRS4, copy.parent)
    assert copy.read_text() == (
        f'<svg><a xlink:href="{link}" xlink:title="a">x</a><a xlink:title="b">y</a></svg>'
    )


def test_log_of_a_failure_comes_along_with_the_page(published) -> None:
    it = published(but="DL1A Run00003.0001")
    made.fail(it.root, "DL1A Run00003.0001", "exit code 1: told to fail")
    log = it.root.layout.log("Run00003.0001_DL1A")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("Traceback\n")
    assert it.night.lstosa("pages", "--date", it.night.date).returncode == 0
    assert it.publish() == []
    copy = it.target / "lstosa/20240302/v0.12.3/files" / log.name
    assert copy.read_text() == "Traceback\n"
    assert copy in links_with_targets(it.target / PAGE)


def test_only_what_changed_is_sent_and_a_reader_never_sees_half_a_file(published) -> None:
    it = published()
    it.publish()
    before = {path: path.stat().st_mtime_ns for path in it.target.rglob("*") if path.is_file()}
    opened = (it.target / DRS4).open()
    it.publish(NOON + HOUR)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    it.root.layout.drs4_plot(1).write_text("another plot")
    leftover = it.target / DRS4
    leftover = leftover.with_name(f".{scratch_name('drs4').rpartition('@')[0]}@0")
    leftover.write_text("what a killed process left")
    found = it.publisher.publish([it.root.layout], NOON)
    assert [str(item.to) for item in found["2024-03-02 (v0.12.3)"].sent] == [DRS4]
    assert (it.target / DRS4).read_text() == "another plot"
    with opened:
        assert opened.read() != "another plot", "renamed, not written over"
    assert it.there() == EXPECTED


def test_by_hand_it_says_what_it_sends(published) -> None:
    it = published()
    words = ("publish", "--date", it.night.date)
    dry = it.night.lstosa(*words, "--dry-run")
    assert f"would be sent: {PAGE}" in dry.stdout
    assert it.there() == []
    done = it.night.lstosa(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert [f"sent: {place}" for place in EXPECTED[:-2]] == done.stdout.splitlines()[:8]
    assert done.stdout.splitlines()[-1] == "all nights: 2 sent, 0 unchanged"
    assert it.night.lstosa(*words).stdout.splitlines() == [
        "2024-03-02 (v0.12.3): 0 sent, 8 unchanged",
        "all nights: 0 sent, 2 unchanged",
    ]
    (it.target / EXPECTED[0]).unlink()
    assert "2024-03-02 (v0.12.3): 8 sent, 0 unchanged" in it.night.lstosa(*words, "--anew").stdout
    assert it.there() == EXPECTED


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"target": ""}, "[publish] target is not set"),
        ({"ssh": "ssh 'x"}, "[publish] ssh = ssh 'x: No closing quotation"),
        ({"ssh": " "}, "[publish] ssh is empty"),
        ({"timeout": "0"}, "[publish] timeout = 0: must be more than 0"),
        ({"retry_minutes": "-1"}, "[publish] retry_minutes = -1: must be 0 or more"),
    ],
)
def test_wrong_section_is_told_in_one_line(make_night, section, said: str) -> None:
    night = make_night(options={"publish": section})
    done = night.lstosa("publish", "--date", night.date)
    assert done.returncode == ExitCode.UNHANDLED
    assert done.stderr.startswith("lstosa publish: ")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


# --- what goes wrong -----------------------------------------------------------------------


def test_of_an_unreadable_file_among_many_all_others_are_sent_and_it_is_told_once(
    published,
) -> None:
    it = published()
    plot = it.root.layout.drs4_plot(1)
    text = plot.read_text()
    plot.unlink()
    plot.mkdir()  # nobody can read that, not even root
    (said,) = it.publish()
    assert "is not published" in said
    assert str(plot) in said
    assert it.there() == [place for place in EXPECTED if not place.startswith("drs4")]
    assert it.publish(NOON + HOUR) == []
    plot.rmdir()
    plot.write_text(text)
    assert it.publish(NOON + 2 * HOUR) == []
    assert it.there() == EXPECTED
    plot.unlink()
    plot.mkdir()
    assert len(it.publish(NOON + 3 * HOUR)) == 1, "it is news again"


def test_file_that_breaks_off_while_it_is_read_keeps_no_other(published, monkeypatch) -> None:
    it = published()
    broken = it.root.layout.drs4_plot(1)
    real = target._chunks

    def chunks(file: Path):
        yield from real(file)
        if file == broken:
            raise target._Unreadable("Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(target, "_chunks", chunks)
        (said,) = it.publish()
    assert f"{broken}: Input/output error" in said
    assert it.there() == [place for place in EXPECTED if place != DRS4]
    assert it.publish(NOON + HOUR) == []
    assert it.there() == EXPECTED


def test_anybody_may_read_what_is_published_whatever_the_umask(published) -> None:
    it = published()
    before = os.umask(0o077)
    try:
        assert it.publish() == []
    finally:
        os.umask(before)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in it.target.rglob("*")}
    assert modes == {(True, 0o755), (False, 0o644)}


def test_full_web_directory_leaves_no_half_file_and_the_rest_follows(
    published, small_disk: Path
) -> None:
    it = published(target=str(small_disk))
    it.target = small_disk
    it.root.layout.longterm().write_bytes(b"0" * 200_000)
    ballast = fill(small_disk, leave=100_000)
    (said,) = it.publish()
    assert f"{small_disk}/{LONGTERM}.h5 could not be written: the disk is full" in said
    assert f"lstosa publish --date {it.night.date}" in said
    assert it.there() == ["ballast"]
    ballast.unlink()
    assert it.publish(NOON + HOUR) == []
    assert it.there() == EXPECTED


def test_directory_that_is_not_mounted_is_not_made(published, tmp_path: Path) -> None:
    it = published(target=str(tmp_path / "not mounted"))
    (said,) = it.publish()
    assert f"{tmp_path / 'not mounted'} is not there: mount it, or make it" in said
    assert not (tmp_path / "not mounted").exists()
    done = it.night.lstosa("publish", "--date", it.night.date)
    assert done.returncode == ExitCode.TASK_FAILED
    assert done.stderr.count("\n") == 1


# --- a server ------------------------------------------------------------------------------


def test_real_sshd_gets_what_changed_and_is_asked_only_then(
    published, ssh_server, tmp_path
) -> None:
    web = tmp_path / "web"
    it = published(target=ssh_server.target(web), ssh=ssh_server.ssh)
    assert it.publish() == []
    assert it.there() == EXPECTED
    assert {path.stat().st_mode & 0o777 for path in web.rglob("*") if path.is_file()} == {0o644}
    asked = ssh_server.connections()
    assert it.publish(NOON + HOUR) == []
    assert ssh_server.connections() == asked, "nothing changed: nobody logs in"
    it.root.layout.drs4_plot(1).write_text("another plot")
    assert it.publish(NOON + HOUR) == []
    assert (web / DRS4).read_text() == "another plot"
    assert ssh_server.connections() == asked + 1


def test_server_that_is_down_for_an_hour_is_told_once_by_mail_and_gets_all_later(
    published, ssh_server, tmp_path
) -> None:
    mails = MailServer()
    mails.start()
    try:
        it = published(target=ssh_server.target(tmp_path / "web"), ssh=ssh_server.ssh)
        it.night.write_config(notify={**mails.options(), "closed_by": "", "missing_from": ""})
        it.root = made.use(it.night)
        ssh_server.stop()
        for minutes in (0, 10, 20, 31, 41, 59):
            assert it.publish(NOON + datetime.timedelta(minutes=minutes)) == []
        ((_, mail),) = mails.mails
        assert "is not published" in mail["Subject"]
        assert "Connection refused" in mail.get_content()
        assert it.root.complete(), "the night is closed all the same"
        ssh_server.start()
        assert it.publish(NOON + 0.99 * HOUR) == []
        assert it.there() == [], "it is not tried before [publish] retry_minutes have passed"
        assert it.publish(NOON + 2 * HOUR) == []
        assert it.there() == EXPECTED
        ssh_server.stop()
        it.root.layout.drs4_plot(1).write_text("another plot")
        it.publish(NOON + 4 * HOUR)
        assert len(mails.mails) == 2, "it was over in between: that is news"
    finally:
        mails.stop()


def test_of_a_file_that_vanishes_on_the_way_all_others_arrive(
    published, ssh_server, tmp_path, monkeypatch
) -> None:
    it = published(target=ssh_server.target(tmp_path / "web"), ssh=ssh_server.ssh)
    plot = it.root.layout.drs4_plot(1)
    real = target.Server._run

    def run(self, words):
        plot.unlink(missing_ok=True)
        return real(self, words)

    monkeypatch.setattr(target.Server, "_run", run)
    (said,) = it.publish()
    assert str(plot) in said
    assert it.there() == [place for place in EXPECTED if place != DRS4]


def test_greetings_of_a_server_do_not_hide_why_it_failed(published, ssh_server, tmp_path) -> None:
    it = published(target=ssh_server.target(tmp_path / "no/where/web"), ssh=ssh_server.ssh)
    (ssh_server.folder / "banner").write_text("welcome\n" * 9)
    with (ssh_server.folder / "config").open("a") as config:
        config.write(f'Banner "{ssh_server.folder}/banner"\n')
    ssh_server.stop()
    ssh_server.start()
    (said,) = it.publish()
    assert "No such file or directory" in said
    assert "welcome" not in said


def test_night_that_is_named_is_the_one_whose_file_cannot_be_read(published) -> None:
    it = published()
    other = it.night.add_night("2024-03-03", ((11, "DRS4", 1),))
    first = made.use(other)
    plot = it.root.layout.drs4_plot(1)
    plot.unlink()
    plot.mkdir()
    said: list[str] = []
    settings = config.load()
    teller = Teller(settings.notify, Troubles(first.layout.troubles()), said.append)
    publish_nights([first, it.root], settings, teller, NOON)
    assert said[0].startswith("LST1 2024-03-02 (v0.12.3) is not published")
    assert "lstosa publish --date 2024-03-02" in said[0]


def test_server_that_hangs_is_given_up(published, tmp_path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 60\n")
    ssh.chmod(0o755)
    it = published(target="nobody@127.0.0.1:/web", ssh=str(ssh), timeout="0.5")
    with pytest.raises(TargetError, match=r"was not done within 0\.5 s \(\[publish\] timeout\)"):
        it.publisher.publish([it.root.layout], NOON)
    names = {path.name for path in it.root.layout.publishing().parent.iterdir()}
    assert names == {"Target.json"}, "nothing is left of what was on its way"
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_missing_rsync_is_told(published, monkeypatch, tmp_path) -> None:
    it = published(target="nobody@127.0.0.1:/web")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetError, match="rsync cannot be started"):
        it.publisher.publish([it.root.layout], NOON)


def test_all_nights_can_be_published_at_once(published) -> None:
    it = published()
    done = it.night.lstosa("publish", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2024-03-02 (v0.12.3): 8 sent, 0 unchanged" in done.stdout
    assert it.there() == EXPECTED


def test_two_at_once_do_not_get_into_each_others_way(published) -> None:
    it = published()
    lock = it.root.layout.lock("publish")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["flock", str(lock), "sleep", "60"]) as other:
        try:
            while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
                pass
            assert it.publish() == []
            assert it.there() == []
            since = (NOON - 2 * HOUR).isoformat()
            lock.write_text(json.dumps({"host": "cp15", "pid": 7, "since": since}))
            (said,) = it.publish()
            assert said == (
                f"WARNING: Publishing is being worked on by process 7 on cp15 since {since}, so "
                "long that its target may hang. Look at the target; end that process if it does "
                "not go on"
            )
            assert it.publish() == []
            done = it.night.lstosa("publish", "--date", it.night.date)
            assert done.returncode == ExitCode.ALREADY_RUNNING
        finally:
            subprocess.run(["pkill", "-P", str(other.pid)], check=False)
            other.kill()
    assert it.publish() == []
    assert it.there() == EXPECTED
