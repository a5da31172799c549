"""A stand-in for every command of lstchain: takes the same options, leaves files of the same names.

It lives in ``bin/`` of a made-up environment under the names of the real
commands and uses the standard library only, so that a call takes milliseconds.
What it does beyond that is told by ``control.json`` of that environment:
``delay`` (seconds a call takes), ``fail`` (list of regular expressions; a call
whose command line matches one prints ``message`` and ends with 1, leaving a
half-made file as the real tools do), ``damage`` and ``omit`` (such lists; a
call ends with 0 but leaves half a file, or none), ``hang`` (such a list; a call
starts a process of its own and waits for it), ``few`` (run to its interleaved
pedestals per subrun: too few for tailcuts and Cat-B, refused in the words of the
real tools), ``cuts`` (run to its picture threshold). Every call is noted in ``calls/``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[1]
TEMPLATES = ENVIRONMENT / "templates"


class Refused(Exception):
    """The tool's own verdict."""


CONTROL: dict = {}


def main() -> int:
    name, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    if name == "python":
        program = Path(arguments[0]).name if arguments else ""
        if program not in TOOLS:  # a program that needs the standard library only
            os.execv(sys.executable, [sys.executable, *arguments])
        name, arguments = program, arguments[1:]
    control = json.loads((ENVIRONMENT / "control.json").read_text())
    CONTROL.update(control)
    began = time.time()
    delay = control.get("delay", 0)
    time.sleep(delay.get(name, 0) if isinstance(delay, dict) else delay)
    line = " ".join([name, *arguments])
    told = {
        what: any(re.search(pattern, line) for pattern in control.get(what, ()))
        for what in ("fail", "damage", "omit", "hang")
    }
    failing = told["fail"]
    if told["hang"]:
        subprocess.run(["sleep", "300"], check=False)
    options = parse(arguments)
    try:
        made = {**TOOLS, **LSTCAM_TOOLS}[name](options)
    except Refused as refused:
        print(refused)
        failing, made = True, []
        control = {"message": ""}
    for path in made:
        if failing or told["damage"]:  # half a file, as the real tools leave
            path.write_bytes(path.read_bytes()[:100])
        if told["omit"]:
            path.unlink()
    if failing:
        print(control.get("message", "RuntimeError: told to fail"), file=sys.stderr)
    times = {"began": began, "ended": time.time()}
    note = {"name": name, "argv": arguments, "ok": not failing, **times}
    aside = ENVIRONMENT / "calls" / f".{os.getpid()}"
    aside.write_text(json.dumps(note))
    aside.rename(ENVIRONMENT / "calls" / f"{began:.6f}-{os.getpid()}.json")
    return 1 if failing else 0


def parse(arguments: list[str]) -> dict[str, str]:
    """Return options by name; ``-r 1`` and ``--run=1`` alike, flags as empty text."""
    options: dict[str, str] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            key, _, value = word[2:].partition("=")
            options[key] = value
        elif word.startswith("-") and words:
            options[word[1:]] = words.pop(0)
        elif word.startswith("-"):
            raise SystemExit(f"unexpected argument {word}")
        else:
            options["files"] = f"{options.get('files', '')}{word}\n"
    return options


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = ".fits.gz" if path.name.endswith(".fits.gz") else path.suffix
    shutil.copyfile(TEMPLATES / f"template{suffix}", path)
    return path


def need(path: str) -> Path:
    """Read an input to its end, as a real tool would."""
    file = Path(path)
    file.read_bytes()
    return file


def run_summary(o: dict[str, str]) -> list[Path]:
    source = need(f"{o['r0-path']}/{o['date']}/runs.ecsv")
    target = Path(o["output-dir"]) / f"RunSummary_{o['date']}.ecsv"
    shutil.copyfile(source, target)
    return [target]


def merge_run_summaries(o: dict[str, str]) -> list[Path]:
    output, rows = Path(o["files"].strip()), []
    for summary in sorted(Path(o["monitoring-path"]).glob("RunSummary/RunSummary_*.ecsv")):
        day = summary.stem.removeprefix("RunSummary_")
        need(f"{o['monitoring-path']}/DrivePositioning/DrivePosition_log_{day}.txt")
        date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        for line in summary.read_text().splitlines():
            if line[:1].isdigit():
                run, subruns, kind = line.split(",")[:3]
                rows.append(f"{date} {run} {kind} {subruns} {date}T21:00:00.000 nan nan nan nan")
    columns = "date run_id run_type n_subruns run_start ra dec alt az"
    output.write_text("\n".join(["# %ECSV 1.0", "# ---", columns, *rows, ""]))
    return [output]


def version() -> str:
    (metadata,) = ENVIRONMENT.glob("lib/python3*/site-packages/*-*.dist-info")
    return "v" + metadata.name.partition("-")[2].removesuffix(".dist-info")


def night_of(o: dict[str, str]) -> str:
    (file,) = Path(o["r0-dir"]).glob(f"*/LST-1.1.Run{int(o['r']):05d}.0000.fits.fz")
    return file.parent.name


def drs4(o: dict[str, str]) -> list[Path]:
    root = (
        Path(o["b"]) / "monitoring/PixelCalibration/Cat-A/drs4_baseline" / night_of(o) / version()
    )
    (root / "log").mkdir(parents=True, exist_ok=True)
    return [put(root / f"drs4_pedestal.Run{int(o['r']):05d}.0000.h5")]


def charge(o: dict[str, str]) -> list[Path]:
    cat_a = Path(o["b"]) / "monitoring/PixelCalibration/Cat-A"
    night = night_of(o)
    (baseline,) = cat_a.glob(f"drs4_baseline/*/pro/drs4_pedestal.Run{int(o['p']):05d}.0000.h5")
    need(str(baseline))
    name = f"calibration_filters_{o['filters']}.Run{int(o['r']):05d}.0000"
    root = cat_a / "calibration" / night / version()
    return [put(root / f"log/{name}.pdf"), put(root / f"{name}.h5")]


def lstcam_options(o: dict[str, str]) -> str:
    """Check what lstcam_calib needs for Cat-A, and return the suffix of what it makes."""
    assert "no-db" in o, "there is no database here"
    return o.get("output-format", "fits.gz")


def lstcam_drs4(o: dict[str, str]) -> list[Path]:
    root = Path(o["b"]) / "service/PixelCalibration/Cat-A/drs4_baseline" / night_of(o) / version()
    (root / "log").mkdir(parents=True, exist_ok=True)
    return [put(root / f"drs4_pedestal.Run{int(o['r']):05d}.0000.{lstcam_options(o)}")]


def lstcam_charge(o: dict[str, str]) -> list[Path]:
    root = Path(o["b"]) / "service/PixelCalibration/Cat-A/calibration" / night_of(o) / version()
    need(f"{o['b']}/monitoring/RunSummary/RunSummary_{night_of(o)}.ecsv")
    name = f"calibration_filters_{o['filters']}.Run{int(o['r']):05d}.0000"
    logs = [put(root / f"log/{name}_2024-03-02T21:00:00.log"), put(root / f"log/{name}.pdf")]
    (root / f"log/{name}_2024-03-02T21:00:00.provenance.log").write_text("{}")
    return [*logs, put(root / f"{name}.{lstcam_options(o)}")]


def lstcam_cat_b(o: dict[str, str]) -> list[Path]:
    base, night, run = Path(o["b"]), night_of(o), int(o["r"])
    start, form = int(o["catA-calibration-run"]), o["catA-format"]
    pattern = f"calibration/*/pro/calibration*.Run{start:05d}.0000.{form}"
    (calibration,) = (base / "service/PixelCalibration/Cat-A").glob(pattern)
    need(str(calibration))
    events = Path(o["dl1-dir"]) / night / f"v{o['lstchain-version']}" / "interleaved"
    assert list(events.glob(f"interleaved_LST-1.Run{run:05d}.????.h5"))
    refuse_cat_b(run)
    root = base / "monitoring/PixelCalibration/Cat-B/calibration" / night / version()
    name = f"cat_B_calibration_filters_{o['filters']}.Run{run:05d}"
    aside = [put(root / f"log/{name}_2024-03-02T21:00:00.log"), put(root / f"log/{name}.pdf")]
    return [*aside, put(root / f"{name}.h5")]


def refuse_cat_b(run: int) -> None:
    few = CONTROL.get("few", {}).get(str(run))
    if few is not None:
        raise Refused(
            "CRITICAL [CatBCalibrationHDF5Writer]: !!! No calibration events in the output file "
            "!!! : \nCRITICAL: flatfield collected statistics = 50 events\n"
            f"CRITICAL: pedestal collected statistics = {few} events\n"
            "subprocess.CalledProcessError: Command returned non-zero exit status 1."
        )


def state_of(path: Path) -> str:
    """Return how a raw file says it was recorded."""
    found = re.search(rb"STATE   = '(\w+)'", path.read_bytes())
    if found is None:
        print(f"Cannot tell how {path} was recorded: protozfits cannot read it", file=sys.stderr)
        raise SystemExit(1)
    return found[1].decode()


def first_events(o: dict[str, str]) -> list[Path]:
    state = state_of(Path(o["files"].splitlines()[0]))
    found = {
        "looked_at": "showers",
        "events": 10,
        "gains": {"2" if state == "legacy_raw" else "1": 10},
        "calibrated": 10 if state == "catA_calibrated" else 0,
    }
    Path(o["output-file"]).write_text(json.dumps(found))
    return [Path(o["output-file"])]


def select_gain(first: Path, out: Path) -> list[Path]:
    made = []
    for stream in "1234":
        source = first.with_name(first.name.replace("LST-1.1.", f"LST-1.{stream}."))
        if state_of(source) != "legacy_raw":
            print("You are attempting gain selection on data with only one gain!")
            raise SystemExit(1)
        made.append(out / source.name)
        selected = source.read_bytes().replace(b"'legacy_raw'   ", b"'gain_selected'")
        made[-1].write_bytes(selected)
    return made


def r0_to_r0g(o: dict[str, str]) -> list[Path]:
    Path(o["log"]).write_text("R0 to R0G conversion finished successfully!\n")
    return select_gain(Path(o["R0-file"]), Path(o["output-dir"]))


def lst_dvr(o: dict[str, str]) -> list[Path]:
    first, out, _time, _counter, _module, source = o["files"].splitlines()
    assert source in ("UCTS", "TIB")
    return select_gain(Path(first), Path(out))


def r0_to_dl1(o: dict[str, str]) -> list[Path]:
    keys = ["pointing-file", "run-summary-path"]
    calibration = ["pedestal", "calibration", "time-calibration", "systematic-correction"]
    first = Path(o["input-file"])
    for stream in "1234":
        need(str(first.with_name(first.name.replace("LST-1.1.", f"LST-1.{stream}."))))
    if state_of(first) == "catA_calibrated":  # would be calibrated twice
        assert not [name for name in calibration if f"{name}-file" in o]
    else:
        keys += [f"{name}-file" for name in calibration]
    for key in keys:
        need(o[key])
    if "pedestal-ids-path" in o:
        need(o["pedestal-ids-path"])
    part = need(o["input-file"]).name.removeprefix("LST-1.1.").removesuffix(".fits.fz")
    out = Path(o["output-dir"])
    return [
        put(out / f"dl1_LST-1.{part}.h5"),
        put(out / f"muons_LST-1.{part}.fits"),
        put(out / f"interleaved/interleaved_LST-1.{part}.h5"),
    ]


def tailcuts(o: dict[str, str]) -> list[Path]:
    run, out = f"{int(o['run']):05d}", Path(o["output-dir"])
    out.mkdir(parents=True, exist_ok=True)
    assert list(Path(o["input-dir"]).glob(f"dl1_LST-1.Run{run}.????.h5"))
    log = out / f"log_find_tailcuts_Run{run}.log"
    few = CONTROL.get("few", {}).get(o["run"])
    if few is not None:
        log.write_text("")
        skipped = f"    Too few interleaved pedestals ({few}) - skipped subrun!"
        files = Path(o["input-dir"]).glob(f"dl1_LST-1.Run{run}.????.h5")
        raise Refused(
            "\n".join(f"\nInput file: {file}\n{skipped}" for file in files)
            + f"\nNo valid computation was possible for run {o['run']} with any of the processed "
            "subruns!\nlstchain_find_tailcuts failed!"
        )
    log.write_text("Additional NSB rate (over dark MC): 0.1300 p.e./ns\n")
    config = out / f"dl1ab_Run{run}.json"
    picture = CONTROL.get("cuts", {}).get(o["run"], 8)
    cuts = {"picture_thresh": picture, "boundary_thresh": picture // 2}
    config.write_text(json.dumps({"tailcuts_clean_with_pedestal_threshold": cuts}))
    return [log, config]


def cat_b(o: dict[str, str]) -> list[Path]:
    root = Path(o["b"]) / "monitoring/PixelCalibration/Cat-B/calibration" / night_of(o) / version()
    assert list(Path(o["interleaved-dir"]).rglob("interleaved_*.h5"))
    refuse_cat_b(int(o["r"]))
    name = f"cat_B_calibration_filters_{o['filters']}.Run{int(o['r']):05d}"
    aside = [put(root / f"log/{name}{suffix}") for suffix in (".log", ".pdf")]
    return [*aside, put(root / f"{name}.h5")]


def one_to_one(o: dict[str, str]) -> list[Path]:
    need(o["input-file"])
    return [put(Path(o["output-file"]))]


def merge(o: dict[str, str]) -> list[Path]:
    for file in sorted(Path(o["input-dir"]).glob(o["pattern"])):
        need(str(file))
    return [put(Path(o["output-file"]))]


def check(o: dict[str, str]) -> list[Path]:
    source, out = Path(o["input-file"]), Path(o["output-dir"])
    if not source.name.startswith("datacheck"):
        need(str(source))
        return [put(out / f"datacheck_{source.name}")]
    files = sorted(source.parent.glob(source.name))
    if len(files) == 1:
        return [put(out / f"{files[0].stem}.pdf")]
    stem = files[0].name[: len("datacheck_dl1_LST-1.Run00000")]
    return [put(source.parent / f"{stem}.h5"), put(out / f"{stem}.pdf")]


def longterm(o: dict[str, str]) -> list[Path]:
    assert list(Path(o["input-dir"]).glob("datacheck_dl1_LST-1.Run?????.h5"))
    table = Path(o["output-file"])
    return [put(table.with_suffix(suffix)) for suffix in (".log", ".html", ".h5")]


def transparency(o: dict[str, str]) -> list[Path]:
    return [put(Path(o["update-datacheck-file"]))]


def train(o: dict[str, str]) -> list[Path]:
    need(o["input-file-gamma"]), need(o["input-file-proton"])
    names = ("reg_energy", "reg_disp_norm", "cls_disp_sign", "cls_gh")
    return [put(Path(o["output-dir"]) / f"{name}.sav") for name in names]


def dl2(o: dict[str, str]) -> list[Path]:
    source = need(o["input-files"])
    need(f"{o['path-models']}/reg_energy.sav")
    return [put(Path(o["output-dir"]) / f"dl2{source.name.removeprefix('dl1')}")]


def irf(o: dict[str, str]) -> list[Path]:
    need(o["input-gamma-dl2"])
    return [put(Path(o["output-irf-file"]))]


def dl3(o: dict[str, str]) -> list[Path]:
    source = need(o["input-dl2"])
    need(f"{o['input-irf-path']}/{o['irf-file-pattern']}")
    name = source.name.replace("dl2_", "dl3_").replace(".h5", ".fits.gz")
    return [put(Path(o["output-dl3-path"]) / name)]


def index(o: dict[str, str]) -> list[Path]:
    assert list(Path(o["input-dl3-dir"]).glob(o["file-pattern"]))
    out = Path(o["output-index-path"])
    return [put(out / "hdu-index.fits.gz"), put(out / "obs-index.fits.gz")]


LSTCAM_TOOLS = {
    "lstcam_calib_onsite_create_drs4_pedestal_file": lstcam_drs4,
    "lstcam_calib_onsite_create_calibration_file": lstcam_charge,
    "lstcam_calib_onsite_create_cat_B_calibration_file": lstcam_cat_b,
}
TOOLS = {
    "lstchain_create_run_summary": run_summary,
    "onsite_create_drs4_pedestal_file": drs4,
    "onsite_create_calibration_file": charge,
    "onsite_create_cat_B_calibration_file": cat_b,
    "lstchain_r0_to_r0g": r0_to_r0g,
    "lst_dvr": lst_dvr,
    "first_events.py": first_events,
    "lstchain_data_r0_to_dl1": r0_to_dl1,
    "lstchain_find_tailcuts": tailcuts,
    "lstchain_dl1ab": one_to_one,
    "lstchain_check_dl1": check,
    "lstchain_merge_hdf5_files": merge,
    "lstchain_merge_muon_files": merge,
    "lstchain_merge_run_summaries": merge_run_summaries,
    "lstchain_longterm_dl1_check": longterm,
    "lstchain_cherenkov_transparency": transparency,
    "lstchain_mc_trainpipe": train,
    "lstchain_dl1_to_dl2": dl2,
    "lstchain_create_irf_files": irf,
    "lstchain_create_dl3_file": dl3,
    "lstchain_create_dl3_index_files": index,
}

if __name__ == "__main__":
    sys.exit(main())
