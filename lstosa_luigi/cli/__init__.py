"""The ``lstosa`` command: one module a verb, each with ``configure`` and ``run``."""

from __future__ import annotations

__all__ = ["main"]

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from lstosa_luigi.cli import (
    account,
    archive,
    cancel,
    clean,
    decide,
    diff,
    disk,
    impact,
    import_config,
    install_service,
    jobs,
    luigid,
    nightly,
    notify,
    pages,
    plan,
    provenance,
    publish,
    reopen,
    reproduce,
    show,
    simulate_night,
    status,
    take_over,
    verify,
    why,
)
from lstosa_luigi.errors import ExitCode, LstosaError

VERBS = {
    "simulate-night": simulate_night,
    "import-config": import_config,
    "take-over": take_over,
    "luigid": luigid,
    "plan": plan,
    "status": status,
    "pages": pages,
    "decide": decide,
    "show": show,
    "verify": verify,
    "why": why,
    "impact": impact,
    "diff": diff,
    "reproduce": reproduce,
    "provenance": provenance,
    "reopen": reopen,
    "jobs": jobs,
    "cancel": cancel,
    "account": account,
    "nightly": nightly,
    "archive": archive,
    "clean": clean,
    "disk": disk,
    "notify": notify,
    "publish": publish,
    "install-service": install_service,
}


class Parser(argparse.ArgumentParser):
    """A parser that ends with the exit code that ``luigi`` ends with for the same mistake."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and how it is meant."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.UNHANDLED, f"{self.prog}: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = Parser(
        prog="lstosa",
        description="Look after nights of LST-1. A night is processed by: "
        "luigi --module lstosa_luigi NightlyClose --date YYYY-MM-DD",
        epilog="exit codes: " + ", ".join(f"{code.value} {code.name.lower()}" for code in ExitCode),
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, module in VERBS.items():
        text = (module.__doc__ or "").splitlines()[0].partition(": ")[2]
        verb = verbs.add_parser(
            name,
            help=text,
            description=text,
            # the simulation brings a parser of its own
            add_help=module is not simulate_night,
        )
        module.configure(verb)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; errors for people become one line and an exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options, rest = build_parser().parse_known_args(arguments)
    try:
        return int(VERBS[options.verb].run(options, rest))
    except LstosaError as error:
        print(f"lstosa {options.verb}: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 130
