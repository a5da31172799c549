"""The real night: ``make night`` as a newcomer types it, and copies of it to break."""

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DATE, FLAT, PROD = "2024-03-02", "20240302", "v0.12.3"


@dataclasses.dataclass(frozen=True)
class MadeNight:
    """What ``make night`` left."""

    base: Path
    printed: str


def make_night() -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "night"],
        cwd=REPOSITORY,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def made_night(tools_environment: Path) -> Iterator[MadeNight]:
    """Run ``make night`` in this checkout; it does nothing where the night is closed already."""
    made = make_night()
    assert made.returncode == 0, made.stdout
    yield MadeNight(REPOSITORY / "demo", made.stdout)
    subprocess.run(
        [str(Path(sys.executable).with_name("lstosa")), "luigid", "--stop"],
        cwd=REPOSITORY,
        env={**os.environ, "LUIGI_CONFIG_PATH": "config/luigi.cfg"},
        check=False,
    )


@dataclasses.dataclass(frozen=True)
class Copy:
    """A copy of the made night that a test may break."""

    root: Path
    environment: Path
    date: str = DATE

    @property
    def base(self) -> Path:
        return self.root / "base"

    @property
    def flat(self) -> str:
        return self.date.replace("-", "")

    def command(self, task: str, *arguments: str) -> list[str]:
        luigi = str(Path(sys.executable).with_name("luigi"))
        words = [luigi, "--module", "lstosa_luigi", task, "--date", self.date]
        return [*words, *arguments, "--local-scheduler"]

    def set(self, section: str, **values: str) -> None:
        """Set keys of the configuration; an empty text takes one away."""
        file = self.root / "luigi.cfg"
        text = file.read_text()
        if f"[{section}]\n" not in text:
            text += f"\n[{section}]\n"
        for key, value in values.items():
            text = re.sub(rf"^{key} = .*\n", "", text, flags=re.M)
            if value:
                text = text.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n")
        file.write_text(text)

    def luigi(self, task: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a task to its end; stderr and stdout come together."""
        return subprocess.run(
            self.command(task, *arguments),
            env=self.variables(),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def start(self, task: str, printed: Path) -> subprocess.Popen[bytes]:
        """Start a task and return at once; what it prints goes into a file."""
        with printed.open("wb") as file:
            return subprocess.Popen(
                self.command(task),
                env=self.variables(),
                cwd=self.root,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def lstosa(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb of the lstosa command."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("lstosa")), *arguments],
            env=self.variables(),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    def offline(self) -> dict[str, str]:
        """Return the process environment of a tool that is started by hand."""
        folder = self.root / "xdg/astropy"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "astropy.cfg").write_text("[utils.iers.iers]\nauto_download = False\n")
        return {**os.environ, "XDG_CONFIG_HOME": str(folder.parent)}

    def variables(self) -> dict[str, str]:
        return {**os.environ, "LUIGI_CONFIG_PATH": str(self.root / "luigi.cfg")}


def modified(base: Path) -> dict[str, int]:
    """Return when each file below a base was last written, by its name there."""
    return {
        str(path.relative_to(base)): path.stat().st_mtime_ns
        for path in base.rglob("*")
        if path.is_file()
    }


def copy_of(night: MadeNight, environment: Path, root: Path, date: str = DATE) -> Copy:
    """Copy the made night by hard links: products are replaced by renaming, never written into.

    Parameters
    ----------
    night
        What is copied.
    environment
        Directory of the environment of the tools.
    root
        Where to.
    date
        The night that commands on the copy are about.
    """
    copy = Copy(root, environment, date)
    subprocess.run(["cp", "-al", str(night.base), str(copy.base)], check=True)
    text = (REPOSITORY / "config/luigi.cfg").read_text()
    text = re.sub(r"^environment = .*$", f"environment = {environment}", text, flags=re.M)
    text = re.sub(r"\bdemo\b(?=/|$)", str(copy.base), text, flags=re.M)
    (root / "luigi.cfg").write_text(text)
    return copy


@pytest.fixture
def night_copy(made_night: MadeNight, tools_environment: Path, tmp_path: Path) -> Copy:
    """Return a copy of the made night."""
    return copy_of(made_night, tools_environment, tmp_path)
