"""Draw what nights cost and how long they took: ``python account_plot.py FILE FORMAT < JSON``.

The JSON is that of ``lstosa account --json``. Runs with the Python of the tools, which have
matplotlib; the orchestrator does without.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import Any

LEVELS = {"DL1": "o", "datacheck": "s", "DL2": "^", "DL3": "v", "closed": "D"}
"""Levels, each with its marker."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Of Okabe and Ito: told apart by the colour-blind as well."""
OTHERS = "#999999"
MARKED = {"DL1": 0, "datacheck": 4, "DL2": 2, "DL3": 1, "closed": 5}
"""Colours of levels, as places among these."""
SOON_H = 48.0
"""A night that was begun later after its observation was processed at leisure, or anew."""
SMALL = 14
"""So many nights are named in short; of so many classes the names are of the usual size."""
NIGHT_IN, NAME_IN, LEGEND_IN, WIDEST_IN = 0.42, 0.18, 2.5, 40.0
"""Inches that a night gets, that its name needs, of the legend with the axis, of all at most."""


def main() -> int:
    """Draw; exit code 0 once the file is written."""
    parser = argparse.ArgumentParser(description="Draw what nights cost.")
    parser.add_argument("file", help="the plot")
    parser.add_argument("format", choices=("png", "pdf", "svg"))
    options = parser.parse_args()
    account = json.load(sys.stdin)
    import matplotlib

    matplotlib.use("Agg")
    # text of an SVG stays text, and the same data give the same file
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "lstosa", "font.size": 10})
    figure = draw(account)
    stamp = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[options.format]
    figure.savefig(options.file, format=options.format, dpi=120, metadata=stamp)
    return 0


def draw(account: dict[str, Any]) -> Any:
    """Return the figure: bars of CPU time above, times to the levels below."""
    from matplotlib.figure import Figure

    nights = account["nights"]
    wide = min(max(8.0, LEGEND_IN + NIGHT_IN * len(nights)), WIDEST_IN)
    figure = Figure(figsize=(wide, 8.5), layout="constrained")
    above, below = figure.subplots(2, 1)
    if len(nights) == 1:
        night = nights[0]
        figure.suptitle(f"{account['telescope']}, night of {night['date']}, {night['prod_id']}")
        _classes(above, night)
        _steps(below, night)
        return figure
    names = _names(nights)
    # of very many, as many names as find room
    places = range(0, len(nights), math.ceil(len(nights) * NAME_IN / (wide - LEGEND_IN)))
    first, last = nights[0]["date"], nights[-1]["date"]
    prods = {night["prod_id"] for night in nights}
    of = f", {prods.pop()}" if len(prods) == 1 else ""
    figure.suptitle(f"{account['telescope']}, {first} to {last}{of}")
    _bars(above, nights)
    _levels(below, nights)
    for axes in (above, below):
        axes.set_xlim(-0.6, len(nights) - 0.4)
        axes.set_xticks(places, [names[place] for place in places])
        if max(map(len, names)) > len("02-20"):
            axes.tick_params(axis="x", labelrotation=90)
    above.tick_params(axis="x", labelbottom=False)
    return figure


def _names(nights: list[dict[str, Any]]) -> list[str]:
    """Return what the nights are called: with the production only where there are several."""
    is_one = len({night["prod_id"] for night in nights}) == 1
    if len(nights) <= SMALL and is_one:
        return [night["date"][5:] for night in nights]
    return [night["date"] if is_one else f"{night['date']} {night['prod_id']}" for night in nights]


# --- one night -----------------------------------------------------------------------------


def _classes(axes: Any, night: dict[str, Any]) -> None:
    """Draw a bar for each class: CPU time that made products, and that was lost."""
    classes = [one for one in reversed(night["classes"]) if one["attempts"]]
    names = [one["product"] for one in classes]
    lost = [one["lost_cpu_hours"] for one in classes]
    made = [one["cpu_hours"] - one["lost_cpu_hours"] for one in classes]
    axes.barh(names, made, color=COLOURS[0], label="made products")
    bars = axes.barh(names, lost, left=made, color=COLOURS[5], label="lost")
    size = 8 if len(names) > SMALL else 10
    axes.bar_label(bars, [_number(one["cpu_hours"]) for one in classes], padding=4, fontsize=size)
    most = max((one["cpu_hours"] for one in classes), default=0.0)
    axes.set_xlim(0.0, 1.15 * most or 1.0)  # with room for the numbers
    axes.set_xlabel("CPU time [h]")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", ncols=2, bbox_to_anchor=(1.0, 1.0), frameon=False)
    axes.tick_params(axis="y", labelsize=size)


def _steps(axes: Any, night: dict[str, Any]) -> None:
    """Draw a bar for each level, with its time beside it."""
    key, since = _since([night])
    levels = [level for level in reversed(night["levels"]) if level[key] is not None]
    names = [_level_name(level["level"]) for level in levels]
    bars = axes.barh(
        names, [level[key] for level in levels], color=[_colour(o["level"]) for o in levels]
    )
    axes.bar_label(bars, [_hours_and_minutes(level[key]) for level in levels], padding=4)
    axes.margins(x=0.12)
    axes.set_xlabel(f"time after {since} [h]")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    if not levels:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no level is reached", ha="center", transform=axes.transAxes)


# --- several nights ------------------------------------------------------------------------


def _bars(axes: Any, nights: list[dict[str, Any]]) -> None:
    """Draw a bar for each night, of the classes that cost most and of all others."""
    costs: dict[str, float] = {}
    for night in nights:
        for one in night["classes"]:
            costs[one["product"]] = costs.get(one["product"], 0.0) + one["cpu_hours"]
    most = sorted(costs, key=lambda name: -costs[name])[: len(COLOURS)]
    shown = [*most, ""] if len(costs) > len(most) else most
    bottom = [0.0] * len(nights)
    for place, name in enumerate(shown):
        heights = [
            sum(
                one["cpu_hours"]
                for one in night["classes"]
                if one["product"] == name or (not name and one["product"] not in most)
            )
            for night in nights
        ]
        colour = COLOURS[place] if name else OTHERS
        label = name or f"{len(costs) - len(most)} others"
        axes.bar(range(len(nights)), heights, bottom=bottom, color=colour, label=label)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_ylabel("CPU time [h]")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, reverse=True)


def _levels(axes: Any, nights: list[dict[str, Any]]) -> None:
    """Draw a marker for each level of each night."""
    key, since = _since(nights)
    left_out = [night for night in nights if not _is_soon(night) and key.endswith("observation")]
    for number, (name, marker) in enumerate(LEVELS.items()):
        beside = 0.12 * (number - len(LEVELS) // 2)  # levels that are close in time stay apart
        points = [
            (place + beside, level[key])
            for place, night in enumerate(nights)
            if night not in left_out
            for level in night["levels"]
            if level["level"] == name and level[key] is not None
        ]
        axes.plot(
            [place for place, _ in points],
            [hours for _, hours in points],
            marker,
            color=_colour(name),
            markersize=6,
            label=_level_name(name),
        )
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.set_ylabel(f"time after\n{since} [h]")
    axes.grid(axis="y", alpha=0.3)
    for place in range(len(nights) - 1):
        axes.axvline(place + 0.5, color="black", alpha=0.1, linewidth=0.8)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    if left_out:
        count = f"{len(left_out)} nights" if len(left_out) > 1 else "1 night"
        axes.set_title(f"without {count} begun later than {SOON_H:.0f} h after it", fontsize=9)


# --- what both have in common --------------------------------------------------------------


def _since(nights: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the key of times, and from when they count.

    From the end of the observation, unless no night was processed soon after it.
    """
    if any(_is_soon(night) for night in nights):
        return "hours_after_observation", "the observation"
    return "hours_after_beginning", "the first attempt"


def _is_soon(night: dict[str, Any]) -> bool:
    for level in night["levels"]:
        observed, began = level["hours_after_observation"], level["hours_after_beginning"]
        if observed is not None and began is not None:
            return bool(observed - began <= SOON_H)
    return False


def _level_name(name: str) -> str:
    return name if name == "closed" else f"last {name}"


def _colour(level: str) -> str:
    return COLOURS[MARKED[level]]


def _number(hours: float) -> str:
    return f"{hours:.0f}" if hours >= 100 else f"{hours:.3g}"


def _hours_and_minutes(hours: float) -> str:
    minutes = int(abs(hours) * 60)
    return f"{'-' if hours <= -1 / 60 else ''}{minutes // 60}:{minutes % 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
