"""A real sshd on this host, with keys of its own, that can go down and come back."""

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.conftest import free_port

PROGRAMS = ("sshd", "ssh", "ssh-keygen", "rsync")
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing_programs() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]


class SshServer:
    """An sshd that lets the user of the tests in with a key, and nobody else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.user = getpass.getuser()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        for name in ("host", "user"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(words, check=True)
        (folder / "config").write_text(
            f'Port {self.port}\nListenAddress 127.0.0.1\nHostKey "{folder}/host"\n'
            f'AuthorizedKeysFile "{folder}/user.pub"\nPidFile "{folder}/pid"\n'
            "UsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        )

    @property
    def ssh(self) -> str:
        """The ssh to reach it with, as it stands in the configuration."""
        key, known = shlex.quote(f"{self.folder}/user"), shlex.quote(f"{self.folder}/known")
        options = f"-o IdentitiesOnly=yes -o UserKnownHostsFile={known}"
        return f"ssh -F none -p {self.port} -i {key} {options} -o StrictHostKeyChecking=accept-new"

    def target(self, directory: Path) -> str:
        return f"{self.user}@127.0.0.1:{directory}"

    def start(self) -> None:
        """Begin to answer, and return once that is so."""
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        sshd = shutil.which("sshd", path=SEARCH)
        assert sshd is not None
        words = [sshd, "-D", "-e", "-f", str(self.folder / "config")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log)
        deadline = time.monotonic() + 100
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                log_text = (self.folder / "log").read_text()
                assert self._process.poll() is None, log_text
                assert time.monotonic() < deadline, log_text
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def connections(self) -> int:
        """Return how often somebody logged in."""
        return (self.folder / "log").read_text().count("Accepted publickey")
