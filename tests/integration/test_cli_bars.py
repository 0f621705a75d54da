"""Bars, charts and maps on the command line: what SQL gives, in rows and in letters."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_cli import Line

from barhouse import DataProcessor, SessionCoordinator, open_store
from barhouse.coordinator.cli.errors import ExitCode

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LOWER_HALF, UPPER_HALF = "╷╻│╽╿┃", "╵╹│╽╿┃"


def minutes(day: datetime, numbers: list[int]) -> pa.Table:
    close = [100 + (number * 37 % 101) / 10 for number in numbers]
    return pa.table(
        {
            "bar_start": pa.array([day + timedelta(minutes=number) for number in numbers], pa.timestamp("us", "UTC")),
            "open": [price - 0.7 for price in close],
            "high": [price + 1 + number % 3 for price, number in zip(close, numbers, strict=True)],
            "low": [price - 1 for price in close],
            "close": close,
            "volume": [float(number % 5) for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """Minutes of three days, of which one symbol lacks some, and one nearly all of a session. Only read from it."""
    path = tmp_path_factory.mktemp("bars") / "bars.duckdb"
    with open_store(path, clock=lambda: NOW, settings={"threads": 1}) as store:
        coordinator = SessionCoordinator(store)
        coordinator.register(["BTC", "ETH"], ["1m", "1h", "1d"], "24/7")
        coordinator.register("SPY", ["1m", "1d"], "XNYS")
        day = datetime(2025, 3, 3, tzinfo=UTC)
        coordinator.load(minutes(day, list(range(3 * 1440))), "BTC", "1m")
        coordinator.load(minutes(day, [*range(1000), 1500, *range(2 * 1440 + 60, 3 * 1440)]), "ETH", "1m")
        coordinator.load(minutes(day, list(range(14 * 60 + 30, 21 * 60))), "SPY", "1m")
        DataProcessor(store).process()
    return Line(path)


def asked(line: Line, query: str) -> list[dict[str, Any]]:
    with open_store(line.store, read_only=True) as store:
        return store.sql(query).to_pylist()


def test_bars_are_shown_as_people_read_them(line: Line) -> None:
    shown = line("bars", "spy", "1m", "--last", 2).stdout.splitlines()
    assert shown[0].split() == ["bar_start", "open", "high", "low", "close", "volume", "complete"]
    rows = asked(line, "FROM bars WHERE symbol = 'SPY' AND interval = '1m' ORDER BY bar_start DESC LIMIT 2")
    assert [text.split()[1] for text in shown[2:]] == [f"{row['bar_start']:%H:%M}Z" for row in reversed(rows)]
    assert line("bars", "SPY", "1d").stdout.splitlines()[0].split()[0] == "session_date"
    several = line("bars", "SPY,BTC", "1d", "--last", 1).stdout.splitlines()
    assert [text.split()[0] for text in several] == ["symbol", several[1], "BTC", "SPY"]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_programs_get_every_column(line: Line, tmp_path: Path, form: str) -> None:
    output = tmp_path / f"bars.{form}"
    line("bars", "BTC,ETH", "1h", "--start", "2025-03-04", "--end", "2025-03-05", "--format", form, "-o", output)
    rows = asked(line, "FROM bars WHERE symbol IN ('BTC', 'ETH') AND interval = '1h' AND session_date = '2025-03-04' "
                       "ORDER BY symbol, bar_start")  # fmt: skip
    if form == "parquet":
        assert pq.read_table(output).to_pylist() == rows
    else:
        text = output.read_text(encoding="utf-8")
        found = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
        assert list(found[0]) == list(rows[0])
        assert [(row["symbol"], float(row["close"])) for row in found] == [
            (row["symbol"], row["close"]) for row in rows
        ]


def test_bars_as_they_were_known(line: Line) -> None:
    assert line("bars", "BTC", "1d", "--as-of", "2025-05-01T00:00Z", "--format", "json").stdout == "[]\n"
    assert "as_of" not in line("bars", "BTC", "1d", "--as-of", "2025-05-01", expected=ExitCode.BAD_INPUT).stderr


def test_what_cannot_be_shown_says_why(line: Line) -> None:
    assert "did you mean SPY?" in line("bars", "SPI", "1m", expected=ExitCode.BAD_INPUT).stderr
    said = line("bars", "SPY", "1m", "--columns", "closes", expected=ExitCode.BAD_INPUT).stderr
    assert "did you mean close?" in said and "--columns" in said
    assert "--last" in line("bars", "SPY", "1m", "--last", 0, expected=ExitCode.USAGE).stderr


def test_a_chart_of_letters_has_a_column_for_each_bar(line: Line) -> None:
    """The letters are read back: where each column begins and ends is where its high and low are."""
    shown = line("chart", "BTC", "1h", "--last", 24).stdout.splitlines()
    letters = [text[:24].ljust(24) for text in shown[:18]]
    rows = asked(line, "FROM bars WHERE symbol = 'BTC' AND interval = '1h' ORDER BY bar_start DESC LIMIT 24")[::-1]
    top, bottom = max(row["high"] for row in rows), min(row["low"] for row in rows)
    for at, row in enumerate(rows):
        halves = [half in of for text in letters for half, of in ((text[at], UPPER_HALF), (text[at], LOWER_HALF))]
        first, last = halves.index(True), 35 - halves[::-1].index(True)
        per_half = (top - bottom) / 36
        assert abs(top - first * per_half - row["high"]) <= per_half
        assert abs(top - last * per_half - row["low"]) <= 1.01 * per_half
        assert all(halves[first : last + 1])
    assert shown[-2:] == ["BTC 1h", shown[-1]] and shown[-1].startswith(
        "24 bars from 2025-03-05 00:00 to 2025-03-05 23:00"
    )
    assert "\x1b" not in "".join(shown), "no colours where nobody sees them"


def test_a_chart_has_as_many_bars_as_there_is_room_for(line: Line) -> None:
    done = line("chart", "BTC", "1m", "--last", 500)
    assert "have room here; a wider terminal, or --output, has more" in done.stderr
    assert line("chart", "BTC", "1m", "--start", "2030-01-01").stdout == "BTC 1m\nThere are no bars of BTC 1m here.\n"
    alone = line("chart", "BTC", "1d", "--last", 1).stdout
    assert alone.splitlines()[-1].startswith("1 bar from 2025-03-05 to 2025-03-05")


@pytest.mark.parametrize("name", ["chart.html", "chart.png"])
def test_a_chart_is_written_to_a_file(line: Line, tmp_path: Path, name: str) -> None:
    done = line("chart", "BTC", "1m", "-o", tmp_path / name)
    assert (tmp_path / name).stat().st_size > 10_000
    assert done.stdout == "" and "4,320 bars from" in done.stderr
    refused = line("chart", "BTC", "1m", "-o", tmp_path / "chart.jpg", expected=ExitCode.BAD_INPUT)
    assert "name a file .html or .png" in refused.stderr


def test_a_map_has_a_letter_for_each_session(line: Line) -> None:
    shown = line("gaps", "--map").stdout.splitlines()
    expected = {}
    for row in asked(line, "FROM coverage WHERE interval = '1m' ORDER BY symbol, session_date"):
        share = row["present_count"] / row["expected_count"]
        mark = "█" if share == 1 else "▓" if share >= 0.9 else "▒" if share >= 0.5 else "░" if share else "·"
        expected[row["symbol"]] = expected.get(row["symbol"], "") + mark
    assert expected == {"BTC": "███", "ETH": "▒░▓", "SPY": "█"}
    assert shown == [
        "24/7: 3 sessions, 2025-03-03 to 2025-03-05",
        "BTC  ███",
        "ETH  ▒░▓",
        "",
        "XNYS: 1 session, 2025-03-03 to 2025-03-03",
        "SPY  █",
        "",
        "█ whole  ▓ 90% or more  ▒ half or more  ░ less  · nothing there; blank: before or after its bars",
    ]


def test_a_map_of_one_symbol_and_another_interval(line: Line) -> None:
    assert line("gaps", "eth", "--map", "-i", "1d", "--start", "2025-03-04").stdout.splitlines()[1] == "ETH  ··"
    assert line("gaps", "--map", "--start", "2030-01-01").stdout == "no sessions\n"
    assert "--map draws letters" in line("gaps", "--map", "--format", "csv", expected=ExitCode.USAGE).stderr
    assert "is an instant" in line("gaps", "--map", "--start", "2025-03-04T00:00Z", expected=ExitCode.BAD_INPUT).stderr


def test_coverage_has_the_newest_sessions_of_each_calendar(line: Line) -> None:
    with open_store(line.store, read_only=True) as store:
        newest = store.coverage(last=2)
        assert [(str(row["session_date"]), row["symbol"]) for row in newest.to_pylist()] == [
            *(("2025-03-04", "BTC"), ("2025-03-05", "BTC"), ("2025-03-04", "ETH"), ("2025-03-05", "ETH")),
            ("2025-03-03", "SPY"),
        ]
        rows = store.sql("FROM coverage WHERE interval = '1h' AND symbol = 'ETH' ORDER BY session_date").to_pylist()
        assert store.coverage("eth", "1h").drop_columns("calendar").to_pylist() == rows
