"""Brings the demonstration night from raw to closed on a Slurm cluster made for it.

The cluster is a real one on loopback, thrown away at the end; `make slurm-night` sees that Slurm's
programs are installed. While it works, look at it from another terminal: with the variable that is
printed `squeue` shows the jobs, and the visualiser shows the night.

    slurm_night.py BASE DATE
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.slurm.cluster import Cluster, missing_programs  # noqa: E402

PORT = "8092"
"""Of a luigid of its own: to one luigid the nights of two bases would be the same."""
SLURM = f"""
[slurm]
poll_interval = 2
account = aswg

[core]
scheduler_port = {PORT}
"""


def main() -> int:
    """Make the cluster and the night; the exit code is that of luigi."""
    base, date = Path(sys.argv[1]), sys.argv[2]
    if missing := missing_programs():
        sys.exit(f"Not installed: {' '.join(missing)}.")
    config = write_config(base)
    variables = {**os.environ, "LUIGI_CONFIG_PATH": str(config)}
    say("A night of raw data below", base)
    lstosa(variables, "simulate-night", "--base", str(base), "--date", date)
    with Cluster(Path(tempfile.mkdtemp(prefix="slurm-"))) as cluster:
        variables.update(cluster.environment)
        say("A Slurm cluster; to look at it from another terminal:")
        for name in ("SLURM_CONF", "LUIGI_CONFIG_PATH"):
            print(f"export {name}={variables[name]}")
        lstosa(variables, "luigid")
        say("The night")
        try:
            words = ["--module", "lstosa_luigi", "NightlyClose", "--date", date]
            code = subprocess.run([program("luigi"), *words], env=variables, check=False).returncode
            say("Its jobs")
            lstosa(variables, "jobs", "--date", date)
        finally:
            lstosa(variables, "luigid", "--stop")
    return code


def write_config(base: Path) -> Path:
    """Write config/luigi.cfg for another base and for Slurm."""
    text = (ROOT / "config/luigi.cfg").read_text()
    text = text.replace("= demo", f"= {base}").replace("backend = local", "backend = slurm")
    base.mkdir(parents=True, exist_ok=True)
    config = base.resolve() / "luigi.cfg"
    config.write_text(text + SLURM)
    return config


def lstosa(variables: dict[str, str], *words: str) -> None:
    """Run a verb of lstosa."""
    subprocess.run([program("lstosa"), *words], env=variables, check=True)


def program(name: str) -> str:
    """Return a program of this environment."""
    return str(Path(sys.executable).with_name(name))


def say(*words: object) -> None:
    """Print a heading."""
    print("\n==", *words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
