"""``lstosa verify``: compare the products of a night with their records, and find what is amiss."""

from __future__ import annotations

__all__ = ["configure", "run"]

import argparse
import dataclasses
import datetime
import json
from collections.abc import Sequence
from typing import Any

from lstosa_luigi.cli.night import reject, signature
from lstosa_luigi.cli.reopen import warn_of_acceptance
from lstosa_luigi.errors import ExitCode
from lstosa_luigi.night import NightlyClose, counted
from lstosa_luigi.products.base import NightParameter
from lstosa_luigi.reopening import reopen
from lstosa_luigi.verification import (
    OF_PRODUCTS,
    SetAside,
    Verification,
    invalid_products,
    set_aside,
    verify,
)

SCHEMA_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("--date", required=True, metavar="YYYY-MM-DD", help="the night")
    parser.add_argument("--telescope", default="LST1", help="default: LST1")
    parser.add_argument("--prod-id", default="", help="production; default: as configured")
    parser.add_argument("--deep", action="store_true", help="open every file and check it again")
    parser.add_argument(
        "--remake",
        action="store_true",
        help="move what is wrong, and what was made of it, away: the next NightlyClose makes it",
    )
    parser.add_argument("--who", default="", help="with --remake: who; default: the login name")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print what is amiss, and with ``--remake`` put it right as far as that can be done."""
    reject(rest)
    date: datetime.date = NightParameter().parse(options.date)
    root = NightlyClose(date=date, telescope=options.telescope, prod_id=options.prod_id)
    if not options.remake:
        found = verify(root, options.deep)
        _print(root, found, (), options.json)
        return _code(found, is_remade=False)
    who, now = signature(options.who)
    lock = root.lock()
    lock.acquire()
    try:
        found = verify(root, options.deep)
        moved = _remake(root, found, who, now)
    finally:
        lock.release()
    _print(root, found, moved, options.json)
    if moved and not options.json:
        warn_of_acceptance(root)
    return _code(found, is_remade=True)


def _remake(root: NightlyClose, found: Verification, who: str, now: str) -> tuple[SetAside, ...]:
    products = invalid_products(found)
    if not products:
        return ()
    # an open night with a gap is made whole by the next command, a closed one is not
    why = f"verify --remake: {counted(len(found.wrong), 'product')} not as recorded"
    reopen(root.layout, who, now, why)
    folder = root.layout.set_aside() / now.replace(":", "").partition("+")[0]
    return tuple(set_aside(root.layout, found, products, folder))


def _code(found: Verification, is_remade: bool) -> int:
    if found.wrong and not is_remade:
        return ExitCode.TASK_FAILED
    strays = any(finding.kind not in OF_PRODUCTS for finding in found.findings)
    return ExitCode.MISSING_DATA if strays else ExitCode.OK


def _print(
    root: NightlyClose, found: Verification, moved: Sequence[SetAside], as_json: bool
) -> None:
    if as_json:
        print(json.dumps(_data(root, found, moved), indent=1))
        return
    for finding in found.findings:
        title = f"{finding.title}: " if finding.title else ""
        print(f"{finding.kind.value.upper():<10} {title}{finding.file} ({finding.text})")
    for product in moved:
        print(f"again      {product.title}")
    print(
        f"{counted(found.compared, 'file')} compared with their records; "
        f"{counted(len(found.wrong), 'product')} not as recorded."
    )
    if found.unknown:
        print(
            f"{counted(len(found.unknown), 'product')} without a record of sizes: looked for only."
        )
    if moved:
        print(
            f"To be made again by the next NightlyClose: {counted(len(moved), 'product')}. Their "
            f"files are in {root.layout.set_aside()}: remove them when nobody needs them."
        )


def _data(root: NightlyClose, found: Verification, moved: Sequence[SetAside]) -> dict[str, Any]:
    findings = []
    for finding in found.findings:
        data = {**dataclasses.asdict(finding), "kind": finding.kind.value}
        del data["task_id"]
        findings.append(data)
    return {
        "schema_version": SCHEMA_VERSION,
        "date": str(root.date),
        "telescope": str(root.telescope),
        "prod_id": str(root.prod_id),
        "is_closed": root.complete(),
        "compared": found.compared,
        "unknown": list(found.unknown),
        "findings": findings,
        "again": [{"title": product.title, "moved": list(product.files)} for product in moved],
    }
