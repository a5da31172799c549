"""What cron or systemd is given to run ``lstosa nightly`` and luigid: pure texts.

Sources: crontab(5) of Debian's cron, systemd.service(5), systemd.timer(5), systemd.syntax(7).
"""

from __future__ import annotations

__all__ = ["CRONTAB", "Installation", "crontab", "units"]

import dataclasses
import shlex
from pathlib import Path

from lstosa_luigi.errors import ExitCode, UsageError

CRONTAB = "lstosa.crontab"
LUIGID, NIGHTLY = "lstosa-luigid.service", "lstosa-nightly.service"
TIMER = "lstosa-nightly.timer"
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")

NO_FAILURES = (ExitCode.ALREADY_RUNNING, ExitCode.NOT_RUN)
"""Exit codes for which systemd is not to show the service as failed."""
ENDING_S = 300
"""How long commands may take to end in order, before systemd kills them."""


@dataclasses.dataclass(frozen=True)
class Installation:
    """Where things lie on this host.

    Parameters
    ----------
    programs : Path
        Directory of ``lstosa`` and ``luigid``.
    directory : Path
        Where commands are started: relative paths of the configuration count from here.
    config : str
        What ``LUIGI_CONFIG_PATH`` names; empty if it names nothing.
    path : tuple of str
        Directories of other programs that are needed, such as those of Slurm.
    user : str
        Who runs it.
    base : Path
        Root of the tree.
    state : Path
        Directory of luigid's log and memory.
    host : str
        Where luigid is; empty if commands plan for themselves.
    port : int
        Its port.
    is_here : bool
        Whether luigid is to run on this host.
    """

    programs: Path
    directory: Path
    config: str
    path: tuple[str, ...]
    user: str
    base: Path
    state: Path
    host: str
    port: int
    is_here: bool

    def __post_init__(self) -> None:
        for text in (self.programs, self.directory, self.config, self.base, self.state):
            if any(sign in str(text) for sign in "\n\r\0"):
                raise UsageError(f"{str(text)!r}: no service can be given such a path")

    @property
    def search(self) -> str:
        """Value of ``PATH``."""
        own = (str(self.programs), *self.path)
        return ":".join(dict.fromkeys((*own, *SYSTEM_PATH)))


def crontab(here: Installation, minutes: int) -> str:
    """Return the lines of a user's crontab.

    Parameters
    ----------
    here : Installation
        Where things lie.
    minutes : int
        Minutes between two ticks.
    """
    nightly = _cron_command(here, "nightly")
    lines = [
        "# lstosa nightly, for the crontab of the user who runs it: crontab -e",
        "# It prints only what needs a person, which cron mails to MAILTO.",
        f"PATH={here.search}",
        f"*/{minutes} * * * * {nightly}",
    ]
    if here.is_here:
        lines.append(f"@reboot {_cron_command(here, 'luigid')} >/dev/null")
    return "\n".join(lines) + "\n"


def _cron_command(here: Installation, verb: str) -> str:
    """Return a command for sh; cron takes a bare percent sign for the end of the line."""
    variable = f"LUIGI_CONFIG_PATH={shlex.quote(here.config)} " if here.config else ""
    program = shlex.quote(str(here.programs / "lstosa"))
    text = f"cd {shlex.quote(str(here.directory))} && {variable}{program} {verb}"
    return text.replace("%", r"\%")


def units(here: Installation, minutes: int) -> dict[str, str]:
    """Return the units by their file names; the one of luigid only where it is to run.

    Parameters
    ----------
    here : Installation
        Where things lie.
    minutes : int
        Minutes between two ticks.

    Raises
    ------
    UsageError
        If systemd takes no program from the directory that they lie in.
    """
    if any(sign in str(here.programs) for sign in "\"'\\"):
        raise UsageError(f"{here.programs}: systemd starts no program of a directory named so")
    found = {}
    if here.is_here:
        luigid = _words(
            here.programs / "luigid",
            f"--address={here.host}",
            f"--port={here.port}",
            f"--state-path={here.state / 'state.pickle'}",
        )
        found[LUIGID] = f"""[Unit]
Description=Luigi's scheduler for the nights of LST
After=network.target
RequiresMountsFor={_quoted(here.base)}

[Service]
{_common(here)}
ExecStartPre={_words("/bin/mkdir", "-p", here.state)}
ExecStart={luigid}
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
    order = f"Wants={LUIGID}\nAfter={LUIGID}\n" if here.is_here else ""
    codes = " ".join(str(int(code)) for code in NO_FAILURES)
    found[NIGHTLY] = f"""[Unit]
Description=Processing of the nights of LST
{order}RequiresMountsFor={_quoted(here.base)}

[Service]
Type=oneshot
{_common(here)}
ExecStart={_words(here.programs / "lstosa", "nightly")}
# Another one is at work, or the telescope observes: no failure.
SuccessExitStatus={codes}
# It ends its commands itself.
KillMode=mixed
TimeoutStopSec={ENDING_S}
"""
    found[TIMER] = f"""[Unit]
Description=Processing of the nights of LST, every {minutes} minutes

[Timer]
OnCalendar=*-*-* *:0/{minutes}:00 UTC
AccuracySec=10s

[Install]
WantedBy=timers.target
"""
    return found


def _common(here: Installation) -> str:
    directory = str(here.directory).replace("%", "%%")  # taken as it is, blanks and all
    lines = [f"User={here.user}", f"WorkingDirectory={directory}"]
    lines.append(f"Environment={_quoted('PATH=' + here.search)}")
    if here.config:
        lines.append(f"Environment={_quoted('LUIGI_CONFIG_PATH=' + here.config)}")
    return "\n".join(lines)


def _words(program: str | Path, *words: str | Path) -> str:
    """Return a command line; a dollar begins a variable, but for the program's own name."""
    arguments = (_quoted(word).replace("$", "$$") for word in words)
    return " ".join([_quoted(program), *arguments])


def _quoted(word: str | Path) -> str:
    """Return a word as systemd reads it: specifiers and quotes lose their meaning."""
    text = str(word).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if text != str(word) or any(c in text for c in " \t'") else text
