"""How the night stands as a whole, what it lacks, and what to do: pure."""

from __future__ import annotations

__all__ = [
    "UNDER_WAY",
    "accept_command",
    "discard_command",
    "find_needed",
    "headline",
    "next_steps",
    "standing_of",
]

import datetime
from collections.abc import Iterator

from lstosa_luigi.status.facts import Facts
from lstosa_luigi.status.model import Missing, NightStatus, Product, Standing, State
from lstosa_luigi.status.series import Graph

UNDER_WAY = (State.RUNNING, State.QUEUED)


def find_needed(
    graph: Graph, products: list[list[Product]]
) -> tuple[list[list[Product]], tuple[Missing, ...]]:
    """Return the products that somebody misses or that are there, and what lacks for them.

    The rule is that of :func:`lstosa_luigi.outdated.find_unneeded`, subrun by subrun.

    Parameters
    ----------
    graph : Graph
        The night.
    products : list of list of Product
        Of each series; what a product needs before it.
    """
    series = graph.series
    missed: list[set[int | None]] = [set() for _ in series]
    for place in graph.asked:
        missed[place].update(series[place].members)
    lacks = set(graph.asked_outside)
    kept: list[list[Product]] = [[] for _ in series]
    for place in reversed(range(len(series))):
        one = series[place]
        for product in products[place]:
            is_made = product.state is State.DONE or product.is_outdated
            if not is_made and one.is_passing and product.subrun not in missed[place]:
                continue
            kept[place].append(product)
            if is_made and not product.is_outdated:
                continue
            lacks.update(one.lacks)
            for need in one.needs:
                is_single = one.is_by_subrun(series[need])
                missed[need].update((product.subrun,) if is_single else series[need].members)
    return kept, tuple(thing for place, thing in enumerate(graph.missing) if place in lacks)


def standing_of(
    facts: Facts, products: tuple[Product, ...], missing: tuple[Missing, ...]
) -> Standing:
    """Say how the night stands as a whole."""
    if facts.is_closed:
        return Standing.CLOSED
    states = {product.state for product in products}
    is_going_on = bool(facts.at_work) or not states.isdisjoint(UNDER_WAY)
    if facts.is_accepted:  # what failed is done without
        return Standing.GOING_ON if is_going_on else Standing.WAITING
    if State.FAILED in states or facts.problems:
        return Standing.FAILED
    if missing or facts.unknown_runs or not is_going_on:
        return Standing.WAITING
    return Standing.GOING_ON


def headline(status: NightStatus) -> str:
    """Say in one line how the night stands, and on whom or on what it waits."""
    counts = {state: len(status.in_state(state)) for state in State}
    if status.standing is Standing.CLOSED:
        return "Closed"
    if status.standing is Standing.FAILED:
        parts = []
        if counts[State.FAILED]:
            parts.append(f"{_counted(counts[State.FAILED], 'product')} could not be made")
        if status.problems:
            parts.append(f"{_counted(len(status.problems), 'part')} cannot be planned")
        going_on = _going_on(status, counts)
        return f"Failed: {'; '.join([*parts, *going_on])}"
    if status.standing is Standing.GOING_ON:
        return f"Going on: {'; '.join(_going_on(status, counts))}"
    parts = []
    if status.missing:
        parts.append(f"for data: {_counted(len(status.missing), 'thing')} missing")
    if status.unknown_runs:
        runs = ", ".join(f"{run:05d}" for run in status.unknown_runs)
        parts.append(f"for a person to say what run {runs} is")
    going_on = _going_on(status, counts)
    if not parts and status.closes_from and _is_whole(status):
        parts.append(f"for the end of the night: it may be closed from {_hour(status)} on")
    elif not going_on:
        parts.append("for a person: nobody is at work on it")
    return f"Waits {'; '.join([*parts, *going_on])}"


def _going_on(status: NightStatus, counts: dict[State, int]) -> list[str]:
    """Say what is under way."""
    words = [f"{counts[state]} {state.value}" for state in UNDER_WAY if counts[state]]
    if not words and not status.at_work:
        return []
    what = f", {' and '.join(words)}" if words else ""
    return [f"a command is at work on it{what}" if status.at_work else " and ".join(words)]


def _is_whole(status: NightStatus) -> bool:
    """Whether closing is all that is left to do."""
    is_made = not status.missing and all(p.state is State.DONE for p in status.products)
    return is_made or status.is_accepted


def _hour(status: NightStatus) -> str:
    """Say when the night may be closed."""
    when = datetime.datetime.fromisoformat(status.closes_from)
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def next_steps(status: NightStatus) -> Iterator[str]:
    """Say what a person has to do; nothing of a closed night."""
    if status.is_closed:
        return
    for work in status.at_work:
        who = f" by process {work.pid} on {work.host} since {work.since}" if work.host else ""
        yield f"{work.title} is being worked on{who}: wait for it"
    yield from dict.fromkeys(thing.hint for thing in status.missing)
    for run in status.unknown_runs:
        yield (
            f"Say what run {run:05d} is: lstosa decide --date {status.date} --set-type {run} TYPE "
            "--why ..."
        )
    failed = status.in_state(State.FAILED)
    if failed or status.problems:
        yield "Remove the cause of what failed, then give the command again"
    units = sorted(p.unit.removeprefix("Run") for p in failed if p.subrun is not None)
    if units:
        more = f", and {len(units) - 1} more" if units[1:] else ""
        yield (
            f"Or leave it out: {discard_command(status, units[0])}"
            f"{more}; then give the command again"
        )
    elif failed:
        yield (
            f"Or close the night without it: {accept_command(status)}; then give the command again"
        )
    if not status.at_work:
        telescope = f" --telescope {status.telescope}" if status.telescope != "LST1" else ""
        purpose = "To close it" if _is_whole(status) else "To have it processed"
        if status.closes_from:
            hour = _hour(status)
            purpose += (
                f", from {hour} on" if _is_whole(status) else f" (it is closed from {hour} on)"
            )
        yield (
            f"{purpose}: luigi --module lstosa_luigi NightlyClose --date {status.date}{telescope} "
            f"--prod-id {status.prod_id}"
        )


def discard_command(status: NightStatus, unit: str) -> str:
    """Return the command that leaves a subrun, ``01808.0003``, out."""
    return f"lstosa decide --date {status.date} --discard {unit} --why ..."


def accept_command(status: NightStatus) -> str:
    """Return the command by which the night is closed with what there is."""
    return f"lstosa decide --date {status.date} --accept-incomplete --why ..."
