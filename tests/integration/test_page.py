"""The page of a server, in a browser: what it shows, by keyboard too, and that it fetches nothing from elsewhere."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from axe_playwright_python.sync_playwright import Axe
from page_kit import Visit, browser
from playwright.sync_api import Browser
from serve_kit import Server, minutes, publish, served

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.store.serving.tokens import add_token

SAMPLE = Path(__file__).parents[2] / "sample"
#: A name that would run a script, were it taken for markup.
MARKUP = "<img src=x onerror=document.title=1>"
#: A Friday's open; at this clock the bar of five minutes that it begins has not closed.
FORMING_OPEN = datetime(2024, 11, 29, 14, 30, tzinfo=UTC)
FORMING_NOW = FORMING_OPEN + timedelta(minutes=3)


def corrected() -> pa.Table:
    """A minute of SPY that comes again, with a high above all of its day."""
    return pa.table(
        {
            "timestamp": pa.array([datetime(2020, 12, 16, 15, 31, tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "open": [369.9],
            "high": [372.5],
            "low": [369.85],
            "close": [372.4],
            "volume": [250_000.0],
        }
    )


@pytest.fixture(scope="module")
def store_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's bars with a minute corrected and another deleted, a forming bar, and a symbol named like markup."""
    path = tmp_path_factory.mktemp("shown") / "store.duckdb"
    with open_store(path, clock=lambda: FORMING_NOW, settings={"threads": 1}, case_sensitive=True) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register("SPY", ["1m", "5m", "15m", "1h", "1d"], "XNYS")
        coordinator.register(["QQQ", MARKUP], ["1m", "5m"], "XNYS")
        coordinator.register("BTC-USD", ["1h", "4h", "1d", "1w"], "24/7", available=["1h"])
        coordinator.load(SAMPLE / "spy_1m_2020-12-15_18.csv", "SPY", "1m", timezone="America/New_York")
        hours = {"preset": "cryptodatadownload", "timestamp_format": "%Y-%m-%d %I-%p", "volume_column": "volume_btc"}
        coordinator.load(SAMPLE / "btcusd_1h_2017_2019.csv", "BTC-USD", "1h", **hours)
        coordinator.load(minutes("QQQ", 3, 300.0, FORMING_OPEN), "QQQ", "1m")
        for start in (FORMING_OPEN - timedelta(days=2), FORMING_OPEN - timedelta(days=2, minutes=-10)):
            coordinator.load(minutes(MARKUP, 5, 10.0, start), MARKUP, "1m")
        split = {"ex_date": ["2020-12-17"], "kind": ["split"], "ratio": [2.0]}
        coordinator.load_actions(pa.table(split), "SPY")
        DataProcessor(store).process()
        coordinator.load(corrected(), "SPY", "1m")
        DataProcessor(store).process()
    return path


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("published") / "bars.duckdb"


@pytest.fixture(scope="module")
def server(store_file: Path, published: Path) -> Iterator[Server]:
    publish(store_file, published)
    with served(published, "--workers", "1", folder=published.parent) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture
def visit(chromium: Browser, server: Server) -> Iterator[Visit]:
    """Somebody looks; what the browser found wrong, or asked of others, fails the test."""
    root = f"http://{server.host}:{server.port}"
    context = chromium.new_context(viewport={"width": 1100, "height": 700})
    visit = Visit(context.new_page(), root)
    yield visit
    context.close()
    assert visit.complaints == []
    assert [one for one in visit.requested if not one.startswith((f"{root}/", "about:", "blob:"))] == []


def until(holds: Callable[[], bool], visit: Visit) -> None:
    """Wait for what the page comes to show."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the page does not come to show it"
        visit.page.wait_for_timeout(30)


def days(visit: Visit) -> dict[str, list[str]]:
    """The table of bars in sight: open, high, low, close, volume and completeness by date."""
    return {first: rest for first, *rest in visit.rows("Bars in sight, newest first")}


def test_symbols_stand_with_their_problems_first_and_one_is_picked(visit: Visit) -> None:
    visit.open("symbols")
    rows = visit.rows("Symbols")
    assert [row[0] for row in rows] == [MARKUP, "BTC-USD", "QQQ", "SPY"]
    by_name = {row[0]: row[1:3] for row in rows}
    assert by_name["BTC-USD"] == ["99.94", "1"]  # as README shows it, cut off and not rounded
    assert by_name["SPY"] == ["100", "0"]
    visit.page.fill("#find", "xnys spy")
    assert [row[0] for row in visit.rows("Symbols")] == ["SPY"]
    assert visit.page.url.endswith("#/symbols?find=xnys+spy")
    visit.page.get_by_role("link", name="SPY", exact=True).click()
    visit.wait(view="chart", drawn="true")
    assert visit.text("#chart-title") == "SPY"
    visit.page.go_back()
    visit.wait(view="symbols")
    assert visit.page.input_value("#find") == "xnys spy"


def test_the_interval_follows_the_zoom_and_little_is_sent(visit: Visit) -> None:
    visit.open("chart/BTC-USD")
    visit.wait(drawn="true", interval="1w")
    seen = [("1w", int(visit.told("sent")))]
    visit.page.focus("#chart")
    for _ in range(12):
        if seen[-1][0] == "1h":
            break
        visit.page.keyboard.press("+")
        visit.wait(settled="true")
        seen.append((visit.told("interval"), int(visit.told("sent"))))
    assert list(dict.fromkeys(interval for interval, _ in seen)) == ["1w", "1d", "4h", "1h"]
    assert max(count for _, count in seen) < 3000
    zoomed = visit.page.url
    visit.page.click('button[data-span="all"]')
    visit.wait(interval="1w")
    visit.page.goto("about:blank")
    visit.page.goto(zoomed)  # an address shows the same again
    visit.wait(interval="1h", drawn="true")


def test_of_an_interval_that_is_chosen_only_the_newest_bars_are_sent(visit: Visit) -> None:
    visit.open("chart/BTC-USD?interval=1h")
    visit.wait(drawn="true", interval="1h")
    assert 0 < int(visit.told("sent")) < 3000
    assert "2019-10-17 09:00 UTC" in visit.text("#chart-summary")
    visit.wait(settled="true")
    before = int(visit.told("seen"))
    visit.page.focus("#chart")
    visit.page.keyboard.press("PageUp")
    visit.wait(settled="true")
    assert int(visit.told("seen")) > 0.9 * before, "what is earlier was not asked for"
    assert int(visit.told("sent")) < 3000


def test_the_slider_shows_what_was_known_before_a_correction(visit: Visit) -> None:
    visit.open("chart/SPY?interval=1d")
    visit.wait(drawn="true")
    visit.page.get_by_text("Bars in sight, as a table").click()
    until(lambda: "2020-12-16" in days(visit), visit)
    assert days(visit)["2020-12-16"][1] == "372.5"
    until(lambda: visit.page.get_attribute("#as-of", "max") != "0", visit)
    visit.page.focus("#as-of")
    visit.page.keyboard.press("ArrowLeft")  # the correction, before it was derived
    visit.page.keyboard.press("ArrowLeft")
    until(lambda: days(visit)["2020-12-16"][1] == "371.16", visit)
    assert "process" in visit.text("output")
    assert "as known at" in visit.text("#chart-summary")
    visit.page.fill("#as-of-instant", "yesterday")
    visit.page.keyboard.press("Enter")
    said = visit.page.get_by_role("alert")
    said.wait_for()
    assert "yesterday" in said.inner_text()
    visit.complaints[:] = [one for one in visit.complaints if "400 (Bad Request)" not in one]


def test_what_changed_in_a_bar_is_marked(visit: Visit) -> None:
    visit.open("chart/SPY?interval=1d&bar=1d@2020-12-16T14:30:00Z")
    visit.wait(drawn="true")
    panel = visit.page.locator("#one-bar")
    panel.locator("mark").first.wait_for()
    newest, before = visit.rows("Values of the bar, newest first")
    assert (newest[0], before[0]) == ("now", "until batch 11, process")
    assert (newest[2].split()[0], before[2]) == ("372.5", "371.16")
    marked = [one.split()[0] for one in panel.locator("mark").all_inner_texts()]
    assert marked == ["372.5", "33,279,303"]  # of the day the high and the volume, and nothing else
    assert before[5] == "33,089,864"


def test_prices_are_adjusted_where_that_is_chosen(visit: Visit) -> None:
    visit.open("chart/SPY?interval=1d")
    visit.wait(drawn="true")
    visit.page.get_by_text("Bars in sight, as a table").click()
    until(lambda: "2020-12-16" in days(visit), visit)
    visit.page.select_option("#prices", "split")
    until(lambda: days(visit)["2020-12-16"][1] == "186.25", visit)  # half of 372.5, before two shares for one
    assert "adjusted for splits;" in visit.text("#chart-summary").replace(".", ";")
    assert days(visit)["2020-12-17"][1] == "372.46"
    assert "adjust=split" in visit.page.url
    visit.page.reload()  # an address shows the same again
    visit.wait(drawn="true", high="372.46")
    visit.page.select_option("#prices", "")
    visit.wait(high="372.5")


def test_bars_that_are_missing_are_filled_where_that_is_chosen(visit: Visit) -> None:
    visit.open("symbols")
    visit.page.get_by_role("link", name=MARKUP, exact=True).click()
    visit.wait(view="chart", drawn="true", interval="1m", sent="10")
    visit.page.select_option("#holes", "previous")
    visit.wait(drawn="true", interval="1m", sent="15")
    visit.page.get_by_text("Bars in sight, as a table").click()
    until(lambda: [row[-1] for row in visit.rows("Bars in sight, newest first")].count("filled") == 5, visit)


def test_times_are_of_the_exchange_where_that_is_chosen(visit: Visit) -> None:
    visit.open("chart/SPY?interval=1h&bar=1h@2020-12-16T14:30:00Z")
    visit.wait(drawn="true")
    assert "2020-12-15 14:30 to 2020-12-18 20:30 UTC" in visit.text("#chart-summary")
    visit.page.select_option("#clock", "exchange")
    until(lambda: "America/New_York" in visit.text("#chart-summary"), visit)
    assert "2020-12-15 09:30 to 2020-12-18 15:30 America/New_York" in visit.text("#chart-summary")
    until(lambda: "1h 2020-12-16 09:30:" in visit.text("#one-bar"), visit)
    visit.open("chart/SPY?interval=1h")  # it stays chosen
    visit.wait(drawn="true")
    assert "America/New_York" in visit.text("#chart-summary")
    visit.open("chart/BTC-USD?interval=1h")
    visit.wait(drawn="true")
    assert "2019-10-17 09:00 UTC" in visit.text("#chart-summary")


def test_bars_that_have_not_closed_are_shown_and_followed(visit: Visit, store_file: Path, published: Path) -> None:
    visit.open("chart/QQQ?interval=5m")
    visit.wait(drawn="true", high="303")  # three minutes of 300, 301 and 302, each one higher at most
    assert "1 forming" in visit.text("#chart-summary")
    batch = visit.text("#served")
    with open_store(store_file, clock=lambda: FORMING_NOW + timedelta(minutes=1), settings={"threads": 1}) as store:
        SessionCoordinator(store).load(minutes("QQQ", 1, 350.0, FORMING_NOW), "QQQ", "1m")
        store.publish(published)
    visit.wait(high="351")
    assert "1 forming" in visit.text("#chart-summary")
    assert visit.text("#served") != batch


def test_names_and_values_are_never_markup(visit: Visit) -> None:
    visit.open("symbols")
    visit.page.get_by_role("link", name=MARKUP, exact=True).click()
    visit.wait(view="chart", drawn="true", sent="10")
    assert visit.text("#chart-title") == MARKUP
    assert MARKUP in visit.page.title()
    visit.open("coverage?calendar=XNYS&base=1m")
    visit.page.get_by_role("link", name=MARKUP, exact=True).first.wait_for()
    visit.open("sql")
    visit.page.fill("#statement", f"SELECT '{MARKUP}' AS \"<b>name</b>\"")
    visit.page.keyboard.press("Control+Enter")
    visit.wait(answered="ok")
    assert visit.rows("Answer") == [[MARKUP]]
    assert visit.table("Answer").locator("th").all_inner_texts() == ["<b>name</b>"]
    assert visit.page.locator("img, b").count() == 0


def test_coverage_stands_in_the_sessions_of_a_calendar_newest_first(visit: Visit) -> None:
    visit.open("coverage?calendar=24/7&base=1h")
    visit.wait(sessions="60")
    cells = visit.page.locator("td.cell").all()
    first = [cell.get_attribute("title") for cell in cells[:2]]
    assert first == ["BTC-USD 2019-10-17: 100%, 10 of 10", "BTC-USD 2019-10-16: 100%, 24 of 24"]
    visit.page.select_option("#coverage-group", "XNYS 1m")
    visit.page.locator('td[data-symbol="SPY"]').first.wait_for(state="attached")
    assert "24/7" not in visit.page.url
    whole = visit.page.locator('td[data-symbol="QQQ"]').first
    assert "QQQ 2024-11-29: 100%" in (whole.get_attribute("title") or "")
    lacking = visit.page.locator(f'td[data-symbol="{MARKUP}"].part').first
    lacking.focus()
    visit.page.keyboard.press("Enter")
    visit.wait(view="chart")


def test_sql_says_what_is_wrong_in_place_and_remembers(visit: Visit, tmp_path: Path) -> None:
    visit.open("sql")
    visit.page.fill("#statement", "SELEC 1")
    visit.page.keyboard.press("Control+Enter")
    visit.wait(answered="failed")
    assert "SELEC" in visit.text("#sql-trouble")
    assert visit.page.locator("#statement").get_attribute("aria-invalid") == "true"
    visit.complaints[:] = [one for one in visit.complaints if "400 (Bad Request)" not in one]
    query = "SELECT session_date, high FROM bars WHERE symbol = 'SPY' AND interval = '1d' ORDER BY session_date"
    visit.page.fill("#statement", query)
    visit.page.get_by_role("button", name="Run").click()
    visit.wait(answered="ok")
    days = ["2020-12-15", "2020-12-16", "2020-12-17", "2020-12-18"]
    there = [list(pair) for pair in zip(days, ["369.5798", "372.5", "372.46", "371.15"], strict=True)]
    assert visit.rows("Answer") == there
    assert visit.page.locator("#sql-trouble").inner_text() == ""
    with visit.page.expect_download() as download:
        visit.page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "answer.csv")
    with (tmp_path / "answer.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["session_date", "high"], *there]
    visit.page.fill("#statement", "SELECT * FROM range(5000)")
    visit.page.keyboard.press("Control+Enter")
    visit.page.get_by_text("The first 1,000 rows of more").wait_for()
    assert visit.table("Answer").locator("tbody tr").count() == 1000
    visit.open("sql")
    assert visit.page.input_value("#statement") == "SELECT * FROM range(5000)"
    visit.page.get_by_role("button", name=query).click()
    assert visit.page.input_value("#statement") == query


def test_what_is_published_is_shown_without_asking(visit: Visit, store_file: Path, published: Path) -> None:
    visit.open("activity")
    visit.wait(activity="true")
    newest = int(visit.rows("Batches, newest first")[0][0])
    with open_store(store_file, settings={"threads": 1}) as store:
        SessionCoordinator(store).delete_bars(
            "SPY", "1m", "2020-12-17T14:31Z", datetime(2020, 12, 17, 14, 36, tzinfo=UTC)
        )
        batch_id = store.publish(published).batch_id
    assert batch_id == newest + 1
    until(lambda: visit.rows("Batches, newest first")[0][:2] == [str(batch_id), "delete"], visit)
    until(lambda: ["SPY", "5m 15m 1h 1d"] in [row[:2] for row in visit.rows("Symbols with work waiting")], visit)
    assert visit.text("#served").startswith(f"batch {batch_id},")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    visit.open("symbols")
    visit.tab_to("#find")
    page.keyboard.type("spy")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    visit.wait(view="chart", drawn="true", interval="5m")
    visit.tab_to('button[data-interval="1d"]')
    page.keyboard.press("Enter")
    visit.wait(interval="1d")
    visit.tab_to("#chart")
    page.keyboard.press("ArrowLeft")  # the newest bar in sight
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_text("SPY 1d 2020-12-16 14:30Z: 1 revision").wait_for()
    visit.tab_to("#as-of")
    page.keyboard.press("Home")
    page.get_by_text("No bars were known then.").wait_for()
    visit.tab_to('nav a[data-view="coverage"]', "Shift+Tab")
    page.keyboard.press("Enter")
    page.locator("td.cell").first.wait_for(state="attached")
    visit.tab_to('td[tabindex="0"]')
    page.keyboard.press("End")
    assert page.locator("td.cell:focus").get_attribute("data-date") == page.locator("td.cell").last.get_attribute(
        "data-date"
    )
    visit.tab_to('nav a[data-view="sql"]', "Shift+Tab")
    page.keyboard.press("Enter")
    visit.tab_to("#statement")
    page.keyboard.press("Control+A")
    page.keyboard.type("SELECT 40 + 2 AS it")
    page.keyboard.press("Control+Enter")
    visit.wait(answered="ok")
    assert visit.rows("Answer") == [["42"]]


def test_whoever_has_a_token_signs_in(chromium: Browser, published: Path, store_file: Path, tmp_path: Path) -> None:
    if not published.exists():
        publish(store_file, published)
    token = add_token(tmp_path / "tokens.toml", "desk", symbols=["SPY"])
    with served(published, "--workers", "1", "--tokens", str(tmp_path / "tokens.toml"), folder=tmp_path) as guarded:
        context = chromium.new_context()
        page = context.new_page()
        page.goto(f"http://{guarded.host}:{guarded.port}/#/symbols")
        page.wait_for_url("**/login.html")
        page.get_by_label("Token").fill("of somebody else")
        page.get_by_role("button", name="Sign in").click()
        why = page.get_by_role("alert")
        why.wait_for()
        assert "this token is not known" in why.inner_text()
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("body[data-ready]")
        rows = Visit(page, "").rows("Symbols")
        context.close()
    assert [row[0] for row in rows] == ["SPY"]


#: Each view, and a table that is there once it shows what it has.
VIEWS = {
    "symbols": "Symbols",
    "chart/SPY?interval=1d&bar=1d@2020-12-16T14:30:00Z": "Bars in sight, newest first",
    "coverage?calendar=XNYS&base=1m": "Coverage by symbol and session, newest session first",
    "activity": "Batches, newest first",
    "sql": "Answer",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_are_accessible(chromium: Browser, server: Server, theme: str) -> None:
    other = "dark" if theme == "light" else "light"
    context = chromium.new_context(bypass_csp=True, color_scheme=other)  # the checks are a script of their own
    visit = Visit(context.new_page(), f"http://{server.host}:{server.port}")
    visit.open("symbols")
    of_system = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    for _ in range(1 if theme == "light" else 2):
        visit.page.click("#theme")
    assert visit.text("#theme") == f"Theme: {theme}"
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") != of_system
    # What does not hang on colours is the same in both.
    rules = {} if theme == "light" else {"runOnly": ["color-contrast"]}
    axe, found = Axe(), {}
    for view, table in VIEWS.items():
        visit.go(view)
        if view.startswith("chart"):
            visit.wait(drawn="true")
            visit.page.get_by_text("Bars in sight, as a table").click()
        elif view == "sql":
            visit.page.get_by_role("button", name="Run").click()
        visit.table(table).wait_for()
        for violation in axe.run(visit.page, options=rules).response["violations"]:
            found[f"{view} {violation['id']}"] = [node["html"] for node in violation["nodes"]]
    context.close()
    assert found == {}
