"""A real Slurm cluster on loopback, to be thrown away; it knows nothing of what is tested with it.

Several slurmd share this host and are told apart by name and port; the accounting is real. It
is made for the Slurm 22.05 of Debian 12, works as root or not, and needs no systemd. To look at
one by hand: ``python -m tests.slurm.cluster DIR``.
"""

import contextlib
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.slurm import processes
from tests.slurm.settings import CLUSTER, DATABASE, Settings

__all__ = ["PROGRAMS", "Cluster", "missing_programs", "wait_until"]

PROGRAMS = (
    *("munged", "munge", "mariadbd", "mariadb-install-db", "mariadb", "slurmdbd", "slurmctld"),
    *("slurmd", "slurmstepd", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct"),
    *("sacctmgr", "srun"),
)
# Debian keeps daemons in /usr/sbin, which is not on every user's PATH.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/sbin"])
ACCOUNTS = "aswg,dpps"
LONGEST_ROOT = 60  # characters, since a unix socket's path below it may have 107
SERVICES = ("munged", "mariadbd", "slurmdbd", "slurmctld")
IS_ROOT = os.geteuid() == 0


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if not shutil.which(name, path=PATH)]


def wait_until(is_so: Callable[[], object], seconds: float = 30, what: str = "it") -> None:
    """Return as soon as *is_so* says so; after *seconds* raise a TimeoutError about *what*."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come about in {seconds} s")
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has and, being low, no outgoing connection takes meanwhile."""
    with contextlib.ExitStack() as taken:
        ports: list[int] = []
        while len(ports) < count:
            port = random.randrange(20000, 32000)
            attempt = taken.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                attempt.bind(("", port))
                ports.append(port)
        return ports


class Cluster:
    """A cluster below *root*, which is new or one that was stopped.

    Its daemons are called munged, mariadbd, slurmdbd and slurmctld, and n1, n2 ... for the slurmd
    of each node. Two clusters at a time need two roots and, to be told apart by people, two
    prefixes.
    """

    def __init__(
        self,
        root: Path,
        nodes: int = 4,
        cpus: int = 64,
        memory_mb: int = 65536,
        min_job_age: int = 60,
        slurmd_timeout: int = 20,
        extra_conf: str = "",
        prefix: str = "n",
    ) -> None:
        self.root = root.absolute()
        if len(str(self.root)) > LONGEST_ROOT:
            raise ValueError(
                f"{self.root}: more than {LONGEST_ROOT} characters, so unix sockets do not fit"
            )
        self.nodes = tuple(f"{prefix}{number + 1}" for number in range(nodes))
        self.daemons = (*SERVICES, *self.nodes)
        self.extra_conf = extra_conf
        self.conf = self.root / "etc" / "slurm.conf"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._guard: subprocess.Popen[bytes] | None = None
        self._user = "slurm" if IS_ROOT else getpass.getuser()
        self._settings = Settings(
            root=self.root,
            user=self._user,
            ports=dict(zip(self.daemons, free_ports(len(self.daemons)), strict=True)),
            nodes=self.nodes,
            cpus=cpus,
            memory_mb=memory_mb,
            min_job_age=min_job_age,
            slurmd_timeout=slurmd_timeout,
            has_cgroup=self.has_cgroup,
        )

    def __enter__(self) -> "Cluster":
        try:
            self.start()
        except BaseException:
            self.wipe()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a client needs."""
        return {"SLURM_CONF": str(self.conf)}

    @property
    def has_cgroup(self) -> bool:
        """Whether the kernel holds a job to its memory, so that OUT_OF_MEMORY is real."""
        files = [processes.CGROUPS / kind / "cgroup.procs" for kind in ("memory", "freezer")]
        return IS_ROOT and all(os.access(file, os.W_OK) for file in files)

    # The whole cluster

    def start(self) -> None:
        """Start what does not run, resume what is paused, and wait until all nodes can work."""
        if missing := missing_programs():
            raise FileNotFoundError(f"Not installed: {' '.join(missing)}")
        self._settings.write(self.extra_conf)
        self._start_guard()
        for daemon in self._running:
            self.resume(daemon)
        self.up("munged")
        self._install_database()
        self.up("mariadbd")
        self._allow_database()
        self.up("slurmdbd")
        self._add_accounts()
        self.up("slurmctld")
        for node in self.nodes:
            self._launch(node)
        for node in self.nodes:
            self.up(node)

    def stop(self) -> None:
        """End jobs and daemons; the files and the accounting stay for another start."""
        for daemon in self._running:
            self.resume(daemon)
        if self._is_running("slurmctld"):
            with contextlib.suppress(RuntimeError, TimeoutError, subprocess.TimeoutExpired):
                self.cancel_all(6)
        self._send(self.nodes, signal.SIGTERM)
        processes.end(self.root, self.nodes)
        for daemon in reversed(SERVICES):
            self._send([daemon], signal.SIGTERM)
        self._end()

    def wipe(self) -> None:
        """End everything at once and delete the root."""
        self._end()
        if self.conf.exists():
            shutil.rmtree(self.root)

    def configure(self, extra_conf: str) -> None:
        """Give slurm.conf other extra lines; its daemons are restarted, and jobs run on."""
        self.extra_conf = extra_conf
        self._settings.write(self.extra_conf)
        restarted = ("slurmctld", *self.nodes)
        for daemon in restarted:
            self.resume(daemon)
        self._send(restarted, signal.SIGTERM)
        self.start()

    def cancel_all(self, seconds: float = 60) -> None:
        """Cancel every job and wait until the queue is empty."""

        def is_empty() -> bool:
            jobs = sorted(set(self.client("squeue", "-h", "-a", "-o", "%F").split()))
            for first in range(0, len(jobs), 1000):
                self.client("scancel", "-Q", *jobs[first : first + 1000], check=False)
            return not jobs

        wait_until(is_empty, seconds, "an empty queue")

    def wait_until(self, is_so: Callable[[], object], seconds: float = 30) -> None:
        wait_until(is_so, seconds)

    def client(self, *argv: str, check: bool = True, timeout: float = 60) -> str:
        """Execute a command of Slurm and return what it prints to stdout.

        With *check* a failure is a RuntimeError that says what the command says.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        done = subprocess.run(
            argv,
            env={**kept, "PATH": PATH, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    # One daemon

    def kill(self, daemon: str) -> None:
        """End a daemon as a crash does."""
        self._send([daemon], signal.SIGKILL)

    def down(self, daemon: str) -> None:
        """Shut a daemon down as an administrator does."""
        self.resume(daemon)
        self._send([daemon], signal.SIGTERM)

    def up(self, daemon: str) -> None:
        """Start a daemon unless it runs, and wait until it answers."""
        self._launch(daemon)

        def answers() -> bool:
            if not self._is_running(daemon):
                raise RuntimeError(f"{daemon} ended{self._log(daemon)}")
            return self._answers(daemon)

        try:
            wait_until(answers, 60)
        except TimeoutError:
            raise TimeoutError(f"{daemon} does not answer{self._log(daemon)}") from None

    def pause(self, daemon: str) -> None:
        """Let a daemon hang: it takes connections and does not answer."""
        self._running[daemon].send_signal(signal.SIGSTOP)

    def resume(self, daemon: str) -> None:
        if daemon in self._running:
            self._running[daemon].send_signal(signal.SIGCONT)

    def crash(self, node: str) -> None:
        """End a node with all that runs on it, as a power cut does."""
        self.kill(node)
        processes.end(self.root, [node])

    # Processes

    def _is_running(self, daemon: str) -> bool:
        return daemon in self._running and self._running[daemon].poll() is None

    def _send(self, daemons: Iterable[str], number: signal.Signals) -> None:
        """Send a signal to those that run and wait for their end."""
        running = [self._running[daemon] for daemon in daemons if self._is_running(daemon)]
        for process in running:
            process.send_signal(number)
        for process in running:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _end(self) -> None:
        """End whatever there still is, which leaves the guard nothing to do."""
        self._send(self.daemons, signal.SIGKILL)
        self._running.clear()
        processes.end(self.root, self.daemons)
        processes.remove_cgroups(self.nodes)
        if self._guard:
            self._guard.communicate()
            self._guard = None

    def _start_guard(self) -> None:
        """Start what outlives a killed test: a pipe tells it that this process has gone."""
        if self._guard is None:
            self._guard = subprocess.Popen(
                [sys.executable, "-IS", processes.__file__, str(self.root), *self.daemons],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )

    def _launch(self, daemon: str) -> None:
        if self._is_running(daemon):
            return
        # munged and slurmd need root's rights, if there are any; the others refuse or drop them.
        less = daemon in SERVICES and daemon != "munged"
        with (self.root / "log" / f"{daemon}.out").open("ab") as log:
            self._running[daemon] = subprocess.Popen(
                self._settings.command(daemon),
                cwd=processes.folder(self.root, daemon),
                env=self._variables(daemon),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o022,
                **(self._as_slurm() if less else {}),
            )

    def _variables(self, daemon: str) -> dict[str, str]:
        """Return the variables of a daemon, by which :mod:`processes` knows it."""
        return {"PATH": PATH, "SLURMD_NODENAME": daemon, **self.environment}

    def _as_slurm(self) -> dict[str, Any]:
        return {"user": self._user, "group": self._user, "extra_groups": []} if IS_ROOT else {}

    def _answers(self, daemon: str) -> bool:
        if daemon in self.nodes:
            return self._node_works(daemon)
        command, answer = {
            "munged": (f"munge -n --socket={self.root}/munge/sock", "MUNGE:"),
            "mariadbd": (f"{self._sql} -e select(1)", "1"),
            "slurmdbd": ("sacctmgr -n -P list qos", "normal"),
            "slurmctld": ("scontrol ping", "is UP"),
        }[daemon]
        return answer in self.client(*command.split(), check=False)

    def _node_works(self, node: str) -> bool:
        """Whether a node's slurmd listens and the controller, if there is one, gives it jobs.

        A node that was told to take none is told otherwise.
        """
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._settings.ports[node]), timeout=1).close()
            if not self._is_running("slurmctld"):
                return True
            state = self.client("sinfo", "-h", "-n", node, "-o", "%t", check=False).strip()
            state = state.partition("\n")[0]
            if state.startswith(("down", "drain", "drng", "fail")) and not state.endswith("*"):
                self.client("scontrol", "update", f"node={node}", "state=resume", check=False)
            return state.startswith(("idle", "mix", "alloc", "comp", "plnd")) and "*" not in state
        return False

    def _log(self, daemon: str) -> str:
        """Return the end of what a daemon says, for a message."""
        text = ""
        for path in sorted((self.root / "log").glob(f"*{daemon}.*")):
            lines = path.read_text(errors="replace").splitlines()[-8:]
            text += "\n".join([f"\n{path}:", *lines])
        return text

    # Files and accounting

    @property
    def _sql(self) -> str:
        return f"mariadb --no-defaults --socket={self.root}/run/mysql.sock -uroot"

    def _install_database(self) -> None:
        done = self.root / "var" / "mysql.done"
        if done.exists():
            return
        command = ["mariadb-install-db", "--no-defaults", "--skip-test-db"]
        command += ["--auth-root-authentication-method=normal"]
        command += [f"--datadir={self.root / 'var' / 'mysql'}"]
        with (self.root / "log" / "mariadbd.install").open("wb") as log:
            subprocess.run(
                command,
                cwd=processes.folder(self.root, "mariadbd"),
                env=self._variables("mariadbd"),
                stdout=log,
                stderr=log,
                check=True,
                **self._as_slurm(),
            )
        done.touch()

    def _allow_database(self) -> None:
        who = f"{DATABASE}@'127.0.0.1'"
        self.client(
            *(*self._sql.split(), "-e"),
            f"create database if not exists {DATABASE}; "
            f"create user if not exists {who} identified by '{DATABASE}'; "
            f"grant all on {DATABASE}.* to {who};",
        )

    def _add_accounts(self) -> None:
        """Add accounts, users and the QOS once; a command takes up to a second, so in few."""
        done = self.root / "var" / "accounts.done"
        if done.exists():
            return
        users = "root,nobody" if IS_ROOT else self._user
        for what in (
            f"cluster {CLUSTER}",
            "qos limited MaxSubmitJobsPerUser=3 MaxJobsPerUser=1 Flags=DenyOnLimit",
            f"account {ACCOUNTS} cluster={CLUSTER} description=test organization=test",
            f"user {users} account={ACCOUNTS} cluster={CLUSTER} "
            f"defaultaccount={ACCOUNTS.partition(',')[0]} qoslevel=normal,limited",
        ):
            # What a start that was broken off has added already is refused.
            self.client("sacctmgr", "-i", "-Q", "add", *what.split(), check=False)
        known = self.client("sacctmgr", "-n", "-P", "list", "assoc", "format=account,user")
        for account in ACCOUNTS.split(","):
            for user in users.split(","):
                if f"{account}|{user}" not in known.splitlines():
                    raise RuntimeError(f"user {user} got no account {account}: {known}")
        done.touch()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(f"{__doc__}\nUsage: python -m tests.slurm.cluster DIR")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), Cluster(Path(sys.argv[1])) as cluster:
        for name, value in cluster.environment.items():
            print(f"export {name}={value}")
        print("# Ctrl-C ends the cluster and deletes it", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
