"""The pages in a real headless Chromium: at three widths, by keyboard, printed, for everybody."""

import html
import importlib.util
import json
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from luigi.configuration import LuigiConfigParser

from lstosa_luigi import config
from lstosa_luigi.layout import PageLayout
from lstosa_luigi.pages.build import write_night
from lstosa_luigi.status.assembly import read_status
from lstosa_luigi.status.table import rows
from tests.conftest import unavailable
from tests.fakes import made
from tests.fakes.night import FakeNight
from tests.pages.test_thumbnails import write_pdf

CHROMIUM = "chromium"
WIDTHS = (360, 768, 1280)
KINDS = ("failed", "going on", "closed", "gain selection", "index", "catalogue")
RUNS = ((1, "DRS4", 1), (2, "PEDCALIB", 1), (3, "DATA", 2), (4, "DATA", 3), (10, "DATA", 1))
SOURCES = {4: "Mrk 421", 10: "1ES 1959+650"}
DATES = {"failed": "2024-03-02", "going on": "2024-03-03", "closed": "2024-02-28"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = shutil.which(CHROMIUM)
    if program is None or importlib.util.find_spec("playwright") is None:
        unavailable("Chromium or playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Iterator[dict[str, Path]]:
    """Write a failed, a running and a closed night below one base; return pages by their kind."""
    before = LuigiConfigParser._instance
    night = FakeNight(tmp_path_factory.mktemp("pages") / "a b", runs=RUNS, sources=SOURCES)
    found: dict[str, Path] = {}
    pages = PageLayout(night.base / "OSA/Pages")
    for kind, date in DATES.items():
        one = night if date == night.date else night.add_night(date, RUNS)
        if one is not night:
            catalog = night.base / f"monitoring/RunCatalog/RunCatalog_{night.flat}.ecsv"
            shutil.copyfile(catalog, catalog.with_name(f"RunCatalog_{one.flat}.ecsv"))
            shutil.copyfile(
                night.drive_log, night.drive_log.with_name(f"DrivePosition_log_{one.flat}.txt")
            )
        found[kind] = _write(kind, one, pages)
    found["index"], found["catalogue"] = pages.index(), pages.catalog()
    (found["gain selection"],) = found["failed"].parent.glob("*gainsel*")
    yield found
    LuigiConfigParser._instance = before
    config.forget()


def _write(kind: str, night: FakeNight, pages: PageLayout) -> Path:
    root = made.use(night)
    made.write_summary(night)
    lacking = {"failed": "DL1A Run00004.0001", "going on": "DL1A .*", "closed": "(?!)"}[kind]
    made.fill(root, but=lacking)
    if kind == "failed":
        made.fail(root, lacking, "exit code 1: <script>alert(1)</script>")
        log = root.layout.log("Run00004.0001_DL1A")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"</pre><script>alert(1)</script>\x00\xff\n" * 30)
    held = root.lock()
    if kind == "going on":
        held.acquire()
    if kind == "closed":
        made.close(root)
    for pdf in night.base.rglob(f"{night.flat}/**/*.pdf"):
        write_pdf(pdf, 3)
    try:
        page = write_night(root)
        (page.parent / "rows.json").write_text(json.dumps(rows(read_status(root))))
    finally:
        held.release()
    return page


@pytest.fixture
def show(browser, places) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page; it may ask for files only, and nothing may go wrong."""
    wrong: list[str] = []
    contexts = []

    def open_page(kind: str, width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("request", lambda asked: _note_outside(asked.url, wrong))
        page.goto(places[kind].as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def _note_outside(url: str, wrong: list[str]) -> None:
    if not url.startswith(("file://", "data:")):
        wrong.append(f"outside: {url}")


def cells(page: Any, selector: str) -> list[list[str]]:
    script = (
        "rows => rows.filter(r => !r.hidden).map(r => [...r.cells].map(c => c.innerText.trim()))"
    )
    return page.eval_on_selector_all(f"{selector} tbody tr", script)


# --- what is shown -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DATES)
def test_rows_are_those_of_the_status(show, places, kind: str) -> None:
    page = show(kind)
    assert cells(page, "table.sequences") == json.loads(
        (places[kind].parent / "rows.json").read_text()
    )


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_sticks_out_at_any_width(show, kind: str) -> None:
    page = show(kind)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{kind} at {width}: {wide}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing_wrong(show, kind: str, scheme: str, width: int) -> None:
    if importlib.util.find_spec("axe_playwright_python") is None:
        unavailable("axe-playwright-python is not installed")
    from axe_playwright_python.sync_playwright import Axe

    page = show(kind, width, color_scheme=scheme)
    told = Axe().run(page).response
    assert len(told["passes"]) > 10, "it has looked"
    assert [
        (one["impact"], one["id"], [node["target"] for node in one["nodes"]][:3])
        for one in told["violations"]
    ] == []


def test_all_links_lead_to_files(show, places) -> None:
    for kind in KINDS:
        page = show(kind)
        links = page.eval_on_selector_all("a[href]", "links => links.map(a => a.href)")
        assert links
        for link in links:
            name, _, fragment = link.removeprefix("file://").partition("#")
            path = Path(urllib.parse.unquote(name))
            assert path.exists(), link
            if path == places[kind] and fragment:
                assert page.query_selector(f'[id="{fragment}"]'), link


def test_plots_are_seen_and_lead_to_their_page(show) -> None:
    if shutil.which("pdftoppm") is None:
        unavailable("poppler's pdftoppm is not installed")
    page = show("closed")
    page.locator("img").first.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('img').naturalWidth > 0")
    link = page.locator("a:has(img)").last.get_attribute("href")
    assert link.endswith(".pdf#page=3"), link


def test_log_of_a_failure_is_text(show) -> None:
    page = show("failed")
    assert page.locator("pre.log").inner_text().startswith("</pre><script>alert(1)</script>")
    assert page.locator("script").count() == 2


# --- sorting and searching -----------------------------------------------------------------


def test_columns_are_sorted_by_click_and_by_keyboard(show) -> None:
    page = show("catalogue")
    heading = page.locator("th", has_text="Source")

    def sources() -> list[str]:
        return [row[1] for row in cells(page, "table")]

    assert heading.get_attribute("aria-sort") is None
    heading.locator("button").click()
    assert (heading.get_attribute("aria-sort"), sources()) == ("ascending", sorted(sources()))
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert sources() == sorted(sources(), reverse=True)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    numbers = [int(row[0]) for row in cells(page, "table")]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 3
    assert heading.get_attribute("aria-sort") is None


def test_numbers_are_sorted_as_numbers(show) -> None:
    page = show("failed")
    page.locator("table.sequences th", has_text="DL1%").first.locator("button").click()
    column = [row[13] for row in cells(page, "table.sequences")]
    assert column == ["66", "100", "100", "None"]


def test_search_leaves_the_rows_that_have_all_words(show) -> None:
    page = show("catalogue")
    count = len(cells(page, "table"))
    page.keyboard.press("Tab")
    page.get_by_label("Search").focus()
    page.keyboard.type("mrk 03-02")
    assert [row[1:3] for row in cells(page, "table")] == [["Mrk 421", "2024-03-02"]]
    assert page.get_by_role("status").inner_text() == f"1 of {count} rows"
    page.keyboard.press("Enter")
    assert len(cells(page, "table")) == 1
    page.get_by_label("Search").fill("")
    assert len(cells(page, "table")) == count


def test_first_tab_leads_to_the_content(show) -> None:
    page = show("failed")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator("a.skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_pages_work_without_script(show) -> None:
    page = show("catalogue", java_script_enabled=False)
    assert page.locator("tbody tr").count() == 9
    assert page.locator("button, input").count() == 0


# --- on paper ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["failed", "index", "catalogue"])
def test_printed_page_has_all_rows_and_columns(show, tmp_path, kind: str) -> None:
    if shutil.which("pdftotext") is None:
        unavailable("poppler's pdftotext is not installed")
    page = show(kind)
    wanted = {word for row in cells(page, "table.data") for cell in row for word in cell.split()}
    page.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
    words = ["pdftotext", "-bbox", str(tmp_path / "page.pdf"), "-"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    sizes = re.findall(r'<page width="([\d.]+)" height="([\d.]+)"', told)
    assert sizes
    assert {(round(float(w)), round(float(h))) for w, h in sizes} == {(842, 595)}
    found = re.findall(r'<word xMin="([\d.-]+)".* xMax="([\d.-]+)".*>(.*)</word>', told)
    inside = " ".join(html.unescape(t) for x0, x1, t in found if 0 <= float(x0) < float(x1) <= 842)
    assert wanted
    # a long word is told in parts where it is broken
    assert {word for word in wanted if word[:8] not in inside} == set()
    assert len(found) == len([1 for x0, x1, _ in found if float(x1) <= 842])


# --- long tables ---------------------------------------------------------------------------


def test_long_table_shows_its_first_rows_and_is_searched_and_sorted_as_a_whole(
    show, places, tmp_path
) -> None:
    long = tmp_path / "long.html"
    text = places["catalogue"].read_text()
    head, _, rest = text.partition("<tbody>")
    tail = rest.partition("</tbody>")[2]
    rows = "".join(
        f'<tr><th scope="row">{n}</th>{"<td>Crab</td>" * 8}</tr>' for n in range(1200, 0, -1)
    )
    long.write_text(f"{head}<tbody>{rows}</tbody>{tail}")
    places["long"] = long
    page = show("long")
    told = page.get_by_role("status")
    assert told.inner_text() == "1200 rows, the first 500 are shown"
    assert [row[0] for row in cells(page, "table")] == [str(n) for n in range(1200, 700, -1)]
    page.locator("th button").first.click()
    assert [row[0] for row in cells(page, "table")] == [str(n) for n in range(1, 501)]
    page.get_by_label("Search").fill("1199")
    assert ([row[0] for row in cells(page, "table")], told.inner_text()) == (
        ["1199"],
        "1 of 1200 rows",
    )
    page.get_by_label("Search").fill("")
    page.get_by_role("button", name="Show all").click()
    assert len(cells(page, "table")) == 1200
    assert page.locator("tbody tr:visible").count() == 1200
