"""Builds the sdist and the wheel and uses the wheel as a stranger would: in an empty directory.

What may be wrong with a wheel and is not seen in an editable install: a file that was not packed,
a dependency that setup.cfg forgot, something that the import writes.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "wheel-check"
LOCK = ROOT / "requirements" / "orchestrator.txt"


def call(*command, **options):
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        **options,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n$ {' '.join(map(str, command))}\nended with {done.returncode}")
    return done.stdout


def build():
    """Build the wheel out of the sdist, so that both are known to be whole."""
    dist = WORK / "dist"
    # It lists the files of the last build, and setuptools would go by that list.
    for old in ROOT.glob("*.egg-info"):
        shutil.rmtree(old)
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT)
    (wheel,) = dist.glob("*.whl")
    return wheel


def check_contents(wheel):
    """Every file of the package and every configuration must be in the wheel."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    package = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "lstosa_luigi").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    ]
    data = f"{'-'.join(wheel.name.split('-')[:2])}.data/data/share/lstosa-luigi"
    configs = [f"{data}/{file.name}" for file in (ROOT / "config").glob("*.cfg")]
    if missing := sorted({*package, *configs} - packed):
        sys.exit(f"Not in {wheel.name}:\n  " + "\n  ".join(missing))
    print(f"{wheel.name}: {len(packed)} files, {wheel.stat().st_size / 1000:.0f} kB")


def check_use(wheel):
    """Install it with the locked versions and see that using it leaves no trace."""
    environment = WORK / "venv"
    python = environment / "bin" / "python"
    call(sys.executable, "-m", "venv", environment)
    call(python, "-m", "pip", "install", "-q", "--no-compile", "-c", LOCK, wheel)
    call(python, "-m", "pip", "check")

    here, home = WORK / "empty", WORK / "home"
    here.mkdir()
    home.mkdir()
    keep = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    path = f"{environment / 'bin'}:/usr/bin:/bin"
    stranger = {"cwd": here, "env": {**keep, "HOME": str(home), "PATH": path}}
    for command in (
        ("lstosa", "--help"),
        ("python", "-c", "import lstosa_luigi"),
        ("luigi", "--module", "lstosa_luigi", "--help"),
    ):
        call(environment / "bin" / command[0], *command[1:], **stranger)
        print(f"  {' '.join(command)}: fine in an empty directory")
    if left := sorted(str(file) for place in (here, home) for file in place.rglob("*")):
        sys.exit("Using the package wrote:\n  " + "\n  ".join(left))


def main():
    """Start clean, end clean, keep the wheel."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    wheel = build()
    check_contents(wheel)
    check_use(wheel)
    shutil.rmtree(WORK / "venv")


if __name__ == "__main__":
    main()
