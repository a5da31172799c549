"""What ``lstosa verify`` says of nights with gain selection, refusals, borrowed calibration."""

import pytest

from lstosa_luigi.night import NightlyClose
from lstosa_luigi.verification import EARLIER, Kind, Verification, verify
from tests.fakes import made
from tests.status.conftest import shown  # noqa: F401 - a fixture

RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 2))
ONE = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2))
PREVIOUS = {"fallback": {"tailcuts": "previous", "catB": "without"}}


def seen(found: Verification) -> list[tuple[str, str]]:
    """Return kind and product, or else name, of each finding."""
    return [(f.kind.value, f.title or f.file.rpartition("/")[2]) for f in found.findings]


def closed(root: NightlyClose) -> NightlyClose:
    made.fill(root)
    made.close(root)
    assert root.complete()
    return root


# --- raw data ------------------------------------------------------------------------------


@pytest.fixture
def selected(shown):  # noqa: F811
    """A closed night of which one run was gain-selected."""
    night = shown(runs=ONE, states={3: "legacy_raw"})
    return night, closed(night.root)


def test_gain_selected_data_are_compared_like_any_product(selected) -> None:
    night, root = selected
    assert verify(root).findings == ()
    night.night.r0g(3, 1, 2).write_bytes(b"")
    assert seen(verify(root)) == [("truncated", "GainSelection Run00003.0001")]


def test_raw_data_that_were_removed_are_not_missed(selected) -> None:
    night, root = selected
    for run, subrun in ((1, 0), (2, 0), (3, 0), (3, 1)):
        for stream in (1, 2, 3, 4):
            night.night.r0(run, subrun, stream).unlink(missing_ok=True)
            night.night.r0g(run, subrun, stream).unlink(missing_ok=True)
    found = verify(root)
    assert (found.findings, found.wrong) == ((), frozenset())


def test_what_a_dead_gain_selection_left_is_found(selected) -> None:
    _, root = selected
    left = root.layout.r0g_scratch() / "Run00003.0000_GainSelection.1@elsewhere@12@1"
    left.mkdir(parents=True)
    (finding,) = verify(root).findings
    assert (finding.kind, finding.file) == (Kind.LEFTOVER, str(left))


# --- refusals and cleanings ----------------------------------------------------------------


def test_what_a_tool_refused_is_not_missed(shown) -> None:  # noqa: F811
    night = shown(runs=RUNS, options=PREVIOUS)
    made.fill(night.root, but="Tailcuts Run00004")
    made.refuse(night.root, "Tailcuts Run00004")
    root = closed(night.root)
    assert verify(root, deep=False).findings == ()


@pytest.mark.parametrize("is_whole", [True, False])
def test_files_of_an_earlier_cleaning_are_named_as_such(shown, is_whole) -> None:  # noqa: F811
    night = shown(runs=RUNS)
    root = closed(night.root)
    place = root.layout.dl1_night() / "tailcut1005"
    runs = (3,) if is_whole else (3, 99)
    place.mkdir()
    for run in runs:
        (place / f"dl1_LST-1.Run{run:05d}.0000.h5").write_text("")
    (finding,) = verify(root).findings
    assert (finding.kind, finding.file) == (Kind.FOREIGN, str(place))
    assert finding.text == (f"1 file, {EARLIER}" if is_whole else "2 files, none of a product")


def test_each_run_may_lie_in_a_directory_of_its_own_cleaning(shown) -> None:  # noqa: F811
    night = shown(runs=RUNS)
    made.fill(night.root, but="Tailcuts Run00004")
    task = made.find(night.root, "Tailcuts Run00004")
    made.put(task)
    config = task.layout.tailcuts_config(4)
    config.write_text(config.read_text().replace("8", "10").replace("4}", "5}"))
    made.put_record(task)
    root = closed(night.root)
    places = {path.name for path in root.layout.dl1_night().glob("tailcut*")}
    assert len(places) == 2
    assert verify(root).findings == ()
    assert all(root.layout.dl1a(run, 0).is_symlink() for run in (3, 4))


# --- other nights --------------------------------------------------------------------------


def test_products_of_a_night_that_is_borrowed_from_are_not_foreign(shown) -> None:  # noqa: F811
    night = shown(runs=((13, "DATA", 1),), options={"calibration": {"max_days_back": "4"}})
    other = night.night.add_night("2024-03-01", ((11, "DRS4", 1), (12, "PEDCALIB", 1)))
    made.write_summary(other)
    root = closed(night.root)
    assert verify(root).findings == ()
    lent = NightlyClose(date=root.date.replace(day=1))
    assert [f for f in verify(lent).findings if f.kind is Kind.FOREIGN] == []
    made.find(root, "ChargeCalibration Run00012").files()[0].unlink()
    assert seen(verify(root)) == [("missing", "ChargeCalibration Run00012")]
