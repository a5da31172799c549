"""Which random forests belong to a run: by its night-sky background and its declination."""

from __future__ import annotations

__all__ = [
    "choose_declination",
    "choose_model",
    "declination_of",
    "dl2_prod_id",
    "nsb_level_of",
]

import re
from collections.abc import Collection, Iterable

from lstosa_luigi.observation.choice import Choice

LATITUDE_DEG = 28.761
"""Geographic latitude of LST-1 (ctapipe_io_lst.constants.LST1_LOCATION)."""

NSB_LEVELS = {
    8: (0.00, 0.07, 0.14, 0.22),
    10: (0.38, 0.50),
    12: (0.81,),
    14: (1.25,),
    16: (1.76,),
    18: (2.34,),
}
"""NSB levels in p.e./ns that are simulated for each picture threshold (lstosa)."""

LINE = re.compile(r"^dec_(min_)?(\d{3,4})$")
NSB = re.compile(r"nsb_tuning_(\d+\.\d+)$")


def declination_of(line: str) -> float | None:
    """Return the declination in degrees of ``dec_2276`` or ``dec_min_413``, None if not one."""
    match = LINE.match(line)
    if match is None:
        return None
    return (-1 if match.group(1) else 1) * int(match.group(2)) / 100


def nsb_level_of(production: str) -> float | None:
    """Return the NSB level of ``<mc_prod>nsb_tuning_0.14``, None if it names none."""
    match = NSB.search(production)
    return None if match is None else float(match.group(1))


def dl2_prod_id(dl1_prod: str, model: str) -> str:
    """Name the directory of DL2: ``tailcut84/nsb_tuning_0.14``."""
    production = model.split("/")[0]
    return f"{dl1_prod}/nsb_tuning_{production.rpartition('nsb_tuning_')[2]}"


def choose_model(
    available: Iterable[str],
    mc_prod: str,
    picture: int,
    nsb_rate: float,
    declination_deg: float,
) -> Choice[str]:
    """Choose the random forests for a run.

    The NSB level simulated for the run's cleaning that is nearest to the measured
    rate is sought; the nearest one that exists is taken. Of its declination
    lines the nearest is taken, but for a source outside of the two lines about
    the site's latitude only a line that culminates as high as the source. So does
    lstosa, but for a rate below zero, at which it gives up.

    Parameters
    ----------
    available : iterable of str
        Models, each as ``<mc_prod>nsb_tuning_X.XX/dec_NNNN``.
    mc_prod : str
        What the wanted models begin with.
    picture : int
        Picture threshold of the run's cleaning in p.e.
    nsb_rate : float
        Additional NSB rate in p.e./ns; below zero counts as zero.
    declination_deg : float
        Declination of the pointing in degrees.
    """
    there = sorted(set(available))
    models = [name for name in there if name.startswith(f"{mc_prod}nsb_tuning_")]
    candidates = tuple(models)
    lines: dict[float, dict[float, str]] = {}
    for name in models:
        production, _, line = name.partition("/")
        level, declination = nsb_level_of(production), declination_of(line)
        if level is not None and declination is not None:
            lines.setdefault(level, {})[declination] = name
    if not lines:
        others = ", ".join(dict.fromkeys(name.partition("/")[0] for name in there))
        return Choice(
            None,
            f"no random forests named {mc_prod}nsb_tuning_*/dec_*"
            + (f" (there are {others})" if others else ""),
            candidates,
        )
    level, why_level = _choose_level(lines, picture, nsb_rate)
    nearest = choose_declination(lines[level], declination_deg)
    assert nearest.value is not None
    return Choice(lines[level][nearest.value], f"{why_level}; {nearest.reason}", candidates)


def choose_declination(lines: Iterable[float], declination_deg: float) -> Choice[float]:
    """Choose a declination line; all in degrees. At least one line must be given.

    Of two that are as near the southern one is taken. If no line culminates as high as the
    source, the nearest is taken.
    """
    candidates = tuple(sorted(lines))
    left = sorted(candidates, key=lambda line: (abs(line - declination_deg), line))
    nearest_site = sorted(left, key=lambda line: abs(line - LATITUDE_DEG))[:2]
    said = f"declination {declination_deg:.2f} deg asks for the line at"
    if min(nearest_site) <= declination_deg <= max(nearest_site):
        return Choice(left[0], f"{said} {left[0]:.2f} deg, {_of(candidates)}", candidates)
    culmination = abs(LATITUDE_DEG - declination_deg)
    reachable = [line for line in left if abs(LATITUDE_DEG - line) <= culmination]
    chosen = (reachable or left)[0]
    nearer = [f"{line:.2f}" for line in left[: left.index(chosen)]]
    verb = "culminates" if len(nearer) == 1 else "culminate"
    because = f", since {' and '.join(nearer)} {verb} lower than the source" if nearer else ""
    if not reachable:
        because = ", though none culminates as high as the source"
    return Choice(chosen, f"{said} {chosen:.2f} deg, {_of(candidates)}{because}", candidates)


def _choose_level(levels: Collection[float], picture: int, nsb_rate: float) -> tuple[float, str]:
    """Choose an NSB level of those there are, and say why."""
    simulated = NSB_LEVELS.get(picture, tuple(sorted(levels)))
    wanted = _nearest(simulated, max(nsb_rate, 0.0))
    level = _nearest(levels, wanted)
    rate = f"NSB rate {nsb_rate:.3f} p.e./ns"
    if nsb_rate < 0:
        rate += " (less than none: counted as none)"
    elif nsb_rate > max(simulated):
        rate += " (above all that is simulated for it)"
    return level, (
        f"{rate} and picture threshold {picture} ask for level {wanted:.2f}, {_of(simulated)}; "
        f"nearest there is {level:.2f}, {_of(sorted(levels))}"
    )


def _of(values: Iterable[float]) -> str:
    return f"of {', '.join(f'{value:.2f}' for value in values)}"


def _nearest(values: Iterable[float], wanted: float) -> float:
    return min(values, key=lambda value: (abs(value - wanted), value))
