"""What Cat-B starts from where the event builder calibrated: lstosa's table of periods."""

import pytest

from lstosa_luigi.errors import InputError
from lstosa_luigi.observation.evb_calibration import choose_period, find_start, parse_periods

TABLE = """\
20260522 1779 20260512 (r24145) 20260617 (r24552) 20250911 (r21747) 20260521 (r24229) since 20260617 (r24552)
20260522 1779 20260512 (r24145) 20260521 (r24229) 20250911 (r21747) 20260520 (r24201) since 20260521 (r24229)

20260513 1778 20260512 (r24145) 20251111 (r22837) 20250911 (r21747) 20250326 (r20529)
"""  # noqa: E501 - as the site has it


@pytest.mark.parametrize(
    ("run", "since", "calibration", "systematics", "line"),
    [
        (24229, 24229, (24229, "20260521"), "20260520", 2),
        (24551, 24229, (24229, "20260521"), "20260520", 2),
        (24552, 24552, (24552, "20260617"), "20260521", 1),
        (30000, 24552, (24552, "20260617"), "20260521", 1),
    ],
)
def test_last_period_that_began_not_after_the_run_counts(
    run, since, calibration, systematics, line
):
    choice = choose_period(parse_periods(TABLE, "table"), run)
    period = choice.value
    assert (period.since_run, period.line) == (since, line)
    assert (period.calibration_run, period.calibration_date) == calibration
    assert period.systematics_date == systematics
    assert choice.reason == (
        f"used since run {since:05d} of {period.since_date} (line {line}), the last period not "
        f"after run {run:05d}"
    )
    assert len(choice.candidates) == 2


def test_run_before_all_periods_gets_the_earliest_and_it_is_said():
    choice = choose_period(parse_periods(TABLE, "table"), 24228)
    assert choice.value.since_run == 24229
    assert choice.reason.endswith("(line 2); no period began before run 24228")


def test_order_of_lines_does_not_matter():
    turned = "\n".join(reversed(TABLE.splitlines()))
    for run in (24000, 24300, 24600):
        wanted = choose_period(parse_periods(TABLE, "t"), run).value
        assert choose_period(parse_periods(turned, "t"), run).value.since_run == wanted.since_run


@pytest.mark.parametrize("text", ["", "since 20260521 (r24229)", TABLE.splitlines()[3]])
def test_table_without_periods_is_named(text):
    with pytest.raises(InputError, match=r"^/t/able: no line names at least 3 runs and ends as"):
        parse_periods(text, "/t/able")


@pytest.fixture
def site(tmp_path):
    """A table and the files it speaks of, in a directory whose name has a space."""
    root = tmp_path / "Cat A"
    for name in (
        "calibration/20260521/pro/calibration_filters_52.Run24229.0000.fits.gz",
        "calibration/20260521/pro/calibration_filters_52.Run24230.0000.fits.gz",
        "ffactor_systematics/20260520/v0.3.1/scan_fit_b.h5",
        "ffactor_systematics/20260520/v0.3.1/scan_fit_a.h5",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (tmp_path / "table").write_text(TABLE)
    return tmp_path


def start(site, run):
    return find_start(
        site / "table",
        f"{site}/Cat A/calibration/{{date}}/pro/*Run{{run}}*.fits*",
        f"{site}/Cat A/ffactor_systematics/{{date}}/v0.3.1/scan_fit*.h5",
        run,
    )


def test_files_of_the_period_are_found(site):
    choice = start(site, 24300)
    found = choice.value
    assert (found.calibration_run, found.date) == (24229, "20260521")
    assert found.calibration.name == "calibration_filters_52.Run24229.0000.fits.gz"
    assert found.systematics.name == "scan_fit_a.h5"
    assert found.is_of_event_builder
    assert choice.reason.endswith(f"run 24300 in {site / 'table'}")


def test_missing_file_is_named_with_its_period(site):
    choice = start(site, 24600)
    assert choice.value is None
    assert choice.reason.startswith("used since run 24552 of 20260617 (line 1), ")
    assert choice.reason.endswith(
        "but there is no " + str(site / "Cat A/calibration/20260617/pro/*Run24552*.fits*")
    )


def test_missing_table_is_named(site):
    (site / "table").unlink()
    with pytest.raises(
        InputError, match=r"table: cannot be read .* See \[calibration\] table_catB"
    ):
        start(site, 24300)
