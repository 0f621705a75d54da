"""Charts show the bars there are, in pages that need nothing else and in which no symbol becomes markup."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from barhouse import DataProcessor, InputError, SessionCoordinator, SessionStore, open_store
from barhouse.store.errors import UnknownSymbolError
from barhouse.store.model.reports import LoadReport

NOW = datetime(2025, 6, 1, tzinfo=UTC)
NASTY = "</SCRIPT><IMG SRC=X ONERROR=ALERT(1)>&\"' {{LIBRARY}} $X$"
VENDORED = Path(__file__).parents[2] / "store" / "charts" / "vendor"
CHROMIUM = shutil.which("chromium")


def minutes(count: int) -> pa.Table:
    begin = datetime(2025, 3, 3, tzinfo=UTC)
    close = [100 + (number * 37 % 101) / 10 for number in range(count)]
    return pa.table(
        {
            "bar_start": pa.array(
                [begin + timedelta(minutes=number) for number in range(count)], pa.timestamp("us", "UTC")
            ),
            "open": close,
            "high": [price + 1 for price in close],
            "low": [price - 1 for price in close],
            "close": close,
            "volume": [float(number % 5) for number in range(count)],
        }
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionStore]:
    with open_store(
        tmp_path_factory.mktemp("chart") / "bars.duckdb", clock=lambda: NOW, settings={"threads": 1}
    ) as made:
        coordinator = SessionCoordinator(made)
        coordinator.add_calendar("NIGHT", timezone="America/Chicago", open="17:00", close="16:00")
        coordinator.register("BTC", ["1m", "1d"], "24/7")
        coordinator.register([NASTY, "ES"], ["1m", "1d"], "NIGHT")
        coordinator.load(minutes(5200), "BTC", "1m")
        coordinator.load(minutes(3000), "ES", "1m")
        coordinator.load(minutes(30), NASTY, "1m")
        DataProcessor(made).process()
        yield made


class Seen(HTMLParser):
    """What a browser finds in a page: tags with their attributes, and the texts inside of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags:
            self.texts.setdefault(self.tags[-1][0], []).append(data)


def data_in(text: str) -> dict[str, Any]:
    """The data that the page's script reads."""
    (found,) = re.findall(r'<script type="application/json" id="bars">(.*?)</script>', text)
    data: dict[str, Any] = json.loads(found)
    return data


def page_of(store: SessionStore, folder: Path, *asked: Any, **options: Any) -> str:
    return store.chart(*asked, **options).save(folder / "chart.html").read_text(encoding="utf-8")


def test_a_page_holds_the_bars_that_sql_gives(store: SessionStore, tmp_path: Path) -> None:
    data = data_in(page_of(store, tmp_path, "ES", "1m", "2025-03-04T06:00:00Z", "2025-03-05"))
    rows = store.sql(
        "SELECT * FROM bars WHERE symbol = 'ES' AND interval = '1m' "
        "AND bar_start >= '2025-03-04 06:00:00Z' AND bar_start < '2025-03-04 23:00:00Z' ORDER BY bar_start"
    ).to_pylist()
    assert data["time"] == [int(row["bar_start"].timestamp()) for row in rows]
    assert data["zone"] == "America/Chicago" and data["days"] is False
    for name in ("open", "high", "low", "close", "volume"):
        assert data[name] == [row[name] for row in rows]


def test_bars_of_days_stand_at_their_session(store: SessionStore, tmp_path: Path) -> None:
    """A session of futures begins on the evening before the day that names it."""
    data = data_in(page_of(store, tmp_path, "ES", "1d"))
    rows = store.sql("SELECT * FROM bars WHERE symbol = 'ES' AND interval = '1d' ORDER BY bar_start").to_pylist()
    assert data["time"] == [row["session_date"].isoformat() for row in rows] and data["days"] is True
    assert all(row["bar_start"].date() < row["session_date"] for row in rows)


def test_no_symbol_becomes_markup_or_script(store: SessionStore, tmp_path: Path) -> None:
    plain, nasty = (Seen(page_of(store, tmp_path, name, "1m", last=3)) for name in ("BTC", NASTY))
    assert [tag for tag, _ in nasty.tags] == [tag for tag, _ in plain.tags]
    assert nasty.texts["title"][0] == f"{NASTY} 1m"
    assert nasty.texts["h1"][0] == f"{NASTY} 1m"
    (frame,) = Seen(store.chart(NASTY, "1m", last=3)._repr_html_()).tags
    assert frame[0] == "iframe" and frame[1]["sandbox"] == "allow-scripts allow-popups"
    assert frame[1]["srcdoc"] == page_of(store, tmp_path, NASTY, "1m", last=3)
    assert html.escape(NASTY) in store._repr_html_() and "<IMG" not in store._repr_html_()


def test_a_page_asks_nobody_for_anything(store: SessionStore, tmp_path: Path) -> None:
    seen = Seen(page_of(store, tmp_path, "BTC", "1m", last=3))
    assert not [(tag, name) for tag, given in seen.tags for name in given if name in ("src", "href", "srcset")]
    policy = next(given["content"] for tag, given in seen.tags if given.get("http-equiv") == "Content-Security-Policy")
    assert policy and policy.startswith("default-src 'none';") and "http" not in policy


def test_the_library_comes_whole_with_its_licence_and_notice(store: SessionStore, tmp_path: Path) -> None:
    text = page_of(store, tmp_path, "BTC", "1m", last=3)
    library = (VENDORED / "lightweight-charts-5.2.1.js").read_text(encoding="utf-8")
    assert "Licensed under Apache License 2.0" in library[:300] and library in text
    assert "Apache License" in (VENDORED / "LICENSE").read_text(encoding="utf-8")
    notice = (VENDORED / "NOTICE").read_text(encoding="utf-8")
    assert "https://www.tradingview.com/" in notice and " ".join(notice.split()) in text
    assert "attributionLogo: true" in text


def test_more_bars_than_can_be_told_apart_are_cut_and_said(store: SessionStore, tmp_path: Path) -> None:
    everything = store.chart("BTC", "1m")
    assert "the last 5,000: there are more before them" in everything.summary and everything.summary.startswith(
        "5,000 bars "
    )
    data = data_in(page_of(store, tmp_path, "BTC", "1m"))
    assert data["close"] == store.bars("BTC", "1m")["close"].to_pylist()[-5000:]
    assert "more before" not in store.chart("BTC", "1m", last=100).summary
    assert data_in(page_of(store, tmp_path, "BTC", "1m", last=9999))["close"] == data["close"]


def test_a_chart_says_what_it_shows_in_words(store: SessionStore) -> None:
    chart = store.chart("BTC", "1m", "2025-03-03", last=3)
    closes = store.bars("BTC", "1m", last=3)["close"].to_pylist()
    assert chart.summary == (
        f"3 bars from 2025-03-06 14:37 to 2025-03-06 14:39 (UTC): closes go from {closes[0]:g} to {closes[2]:g} "
        f"({100 * (closes[2] / closes[0] - 1):+.2f}%), the highest price is {max(closes) + 1:g}, the lowest "
        f"{min(closes) - 1:g}."
    )
    assert store.chart("BTC", "1m", "2030-01-01").summary == "There are no bars of BTC 1m here."
    assert html.escape(chart.summary) in chart._repr_html_().replace("&amp;", "&")


@pytest.mark.parametrize("asked", [("BTC", "1m"), (NASTY, "1d"), ("ES", "1d"), ("BTC", "1d", "2030-01-01")])
def test_a_picture_is_written(store: SessionStore, tmp_path: Path, asked: tuple[str, ...]) -> None:
    written = store.chart(*asked).save(tmp_path / "chart.png")
    content = written.read_bytes()
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and (width, height) == (1200, 660)
    assert list(tmp_path.iterdir()) == [written]


def test_a_picture_without_its_library_says_what_it_needs(
    store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"pip install 'barhouse\[chart\]'; a page \(.html\) needs none"):
        store.chart("BTC", "1m").save(tmp_path / "chart.png")
    assert list(tmp_path.iterdir()) == []


def test_where_a_chart_cannot_be_saved(store: SessionStore, tmp_path: Path) -> None:
    chart = store.chart("BTC", "1m", last=2)
    (tmp_path / "folder.html").mkdir()
    for name, said in (
        ("chart.jpg", "chart.jpg says no format that there is; name a file .html or .png"),
        ("nowhere/chart.html", "does not exist; create it first"),
        ("folder.html", "is a folder; name a file in it"),
    ):
        with pytest.raises(InputError, match=said):
            chart.save(tmp_path / name)
    with pytest.raises(UnknownSymbolError):
        store.chart("SPI", "1m")


def test_a_chart_of_the_past_says_so(store: SessionStore) -> None:
    assert "as known at 2025-06-01T00:00:00+00:00" in repr(store.chart("BTC", "1d", as_of=NOW))


# -------------------------------------------------------------------------------------------------------- notebooks


def test_a_notebook_shows_the_intervals_of_a_store(store: SessionStore) -> None:
    shown = Seen(store._repr_html_())
    cells = [text for text in shown.texts["td"]]
    assert [tag for tag, _ in shown.tags].count("tr") == 7 and "BTC" in cells and "5,200" in cells


def test_a_notebook_shows_as_many_intervals_as_somebody_looks_at(tmp_path: Path) -> None:
    with open_store(tmp_path / "bars.duckdb") as many:
        SessionCoordinator(many).register([f"S{number:03}" for number in range(50)], ["1m", "5m"], "24/7")
        shown = many._repr_html_()
        assert shown.count("<tr>") == 61 and "40 more are not shown" in shown
    assert "(closed)" in many._repr_html_()


def test_a_report_of_many_symbols_is_short() -> None:
    names = tuple(f"S{number:03}" for number in range(100))
    counts = dict.fromkeys(("rows", "inserted", "revised", "unchanged", "rejected", "outside", "deleted"), 0)
    report = LoadReport(batch_id=1, source="<b>", symbols=names, interval="1m", **counts)
    assert "symbols=('S000', 'S001', 'S002', 'S003', ... 96 more)" in repr(report) and len(repr(report)) < 700
    assert report.symbols == names
    shown = report._repr_html_()
    assert "S003, and 96 more" in shown and "S004" not in shown and "&lt;b&gt;" in shown and "<b>" not in shown


# --------------------------------------------------------------------------------------------------------- a browser


@pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium to draw in; install it with `apt-get install chromium`"
)
@pytest.mark.parametrize(("asked", "count"), [(("ES", "1m"), 3000), (("ES", "1d"), None), ((NASTY, "1m"), 30)])
def test_a_browser_draws_every_bar(
    store: SessionStore, tmp_path: Path, asked: tuple[str, str], count: int | None
) -> None:
    """Inside of a notebook's page, too, whose frame may do no more than run its script."""
    drawn = store.bars(*asked).num_rows
    assert drawn == count or count is None
    page = store.chart(*asked).save(tmp_path / "chart.html")
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=20000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert f'data-drawn="{drawn}"' in done.stdout, done.stderr[-2000:]
    assert "<canvas" in done.stdout
