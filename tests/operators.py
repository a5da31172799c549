"""What an operator types about a night, and what is read off the answers."""

import json
import re

from lstosa_luigi.errors import ExitCode
from tests.fakes.night import FakeNight


def decide(night: FakeNight, *words: str) -> None:
    answer = night.lstosa("decide", "--date", night.date, *words, "--why", "told so")
    assert (answer.returncode, answer.stderr) == (ExitCode.OK, "")


def plan(night: FakeNight, *words: str) -> dict:
    answer = night.lstosa("plan", "--date", night.date, "--json", *words)
    assert answer.returncode == ExitCode.OK, answer.stdout + answer.stderr
    return json.loads(answer.stdout)


def titles(planned: dict, *states: str) -> list[str]:
    return sorted(item["title"] for item in planned["products"] if item["state"] in states)


def printed(output: str) -> list[str]:
    """Return the products that a command says it made."""
    return sorted(re.findall(r"^\d\d:\d\d:\d\d +[\d.]+ s +[\d.]+ \w+  (.+)$", output, re.M))


def make(night: FakeNight) -> list[str]:
    """Close the night and return what was made for it."""
    result = night.luigi()
    assert result.returncode == 0, result.stdout
    return printed(result.stdout)


def with_summary(night: FakeNight) -> FakeNight:
    assert night.luigi("RunSummary").returncode == 0
    return night
