"""Rows that cannot be taken: every reason, the row as given, and that nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from load_kit import HEADER, NEW_YORK, Bench, line, lines, minutes, unchanged

from barhouse.store.errors import IntervalError, RejectedBarsError
from barhouse.store.hints import Action

ONE_BAR = {"open": [10.0], "high": [10.0], "low": [10.0], "close": [10.0], "volume": [1.0]}
GOOD = line("2024-11-26 10:00:00")
#: What is wrong with the row at 10:01, and the words of the reason.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "high below low": ({"high": 8}, "high is below low"),
    "open above high": ({"open": 11.5}, "open is outside"),
    "open below low": ({"open": 8.5}, "open is outside"),
    "close above high": ({"close": 12}, "close is outside"),
    "close below low": ({"close": -1}, "close is outside"),
    "infinite high": ({"high": "inf"}, "not finite"),
    "infinite low": ({"low": "-Infinity"}, "not finite"),
    "open is nan": ({"open": "NaN"}, "not finite"),
    "infinite volume": ({"volume": "inf"}, "not finite"),
    "beyond double": ({"volume": "1e400"}, "not finite"),
    "negative volume": ({"volume": -1}, "volume is negative"),
    "volume of 1e18": ({"volume": 1e18}, "too large"),
    "no open": ({"open": ""}, "open is missing"),
    "no close": ({"close": " "}, "close is missing"),
    "no volume": ({"volume": ""}, "volume is missing"),
    "text": ({"high": "unsure"}, "high is not a number"),
    "currency": ({"close": "$10"}, "close is not a number"),
    "decimal comma": ({"open": '"10,5"'}, "open is not a number"),
}


def test_every_reason_and_the_row_as_given(bench: Bench) -> None:
    rows = [GOOD, *(line("2024-11-26 10:01:00", **changed) for changed, _ in BAD.values()), GOOD]
    report = bench.load_lines(*rows, timezone=NEW_YORK)
    assert (report.rows, report.inserted, report.unchanged) == (len(rows), 1, 1)
    assert report.rejected == len(BAD)
    kept = bench.ask("SELECT file_row, given, reason FROM rejected ORDER BY file_row")
    for number, (row, (make, (_, says))) in enumerate(zip(kept, BAD.items(), strict=True)):
        assert row["file_row"] == number + 2, make
        assert says in row["reason"], make
        assert list(json.loads(row["given"])) == HEADER.split(","), "the row as given, and nothing else"
    given = [list(json.loads(row["given"]).values()) for row in kept]
    assert given[0] == ["2024-11-26 10:01:00", "10", "8", "9", "10", "100"]
    assert given[-1][1] == "10,5"
    first = {one.reason: one for one in report.rejects}["high is below low"]
    assert (first.count, first.first_row) == (1, 2)
    assert json.loads(first.first_given) == json.loads(kept[0]["given"])


def test_what_is_just_within_bounds(bench: Bench) -> None:
    report = bench.load_lines(
        line("2024-11-26 10:00", volume=9.99e13, high=10, low=10),
        line("2024-11-26 10:01", open=-3, high=-1, low=-5, close=-2),
        line("2024-11-26 10:02", open=0, high=0, low=0, close=0, volume=0),
        line("2024-11-26 10:03", open="1e1", high="+11", volume="1E2"),
        line("2024-11-26 10:04", volume=0.123456789),
        timezone=NEW_YORK,
    )
    assert (report.inserted, report.rejected) == (5, 0)
    assert [bar["volume"] for bar in bench.bars()] == [9.99e13, 100.0, 0.0, 100.0, 0.123456789]


def test_bars_of_days_may_turn_over_more(kinds: Bench) -> None:
    path = kinds.write(
        line("2024-11-25", volume=9e15) + ",10",
        line("2024-11-26", volume=9.1e16) + ",10",
        line("2024-11-27", high=1e6, volume=1e12) + ",10",
        header=f"{HEADER},vwap",
    )
    report = kinds.load(path, "1d", "DAY")
    assert kinds.starts("DAY", "1d") == ["2024-11-25 14:30"]
    assert set(kinds.reasons(report.batch_id)) == {2, 3}


def test_minus_zero_is_zero(bench: Bench) -> None:
    as_text = line("2024-11-26 10:00", open="-0.0", high="-0", low="-0.0", close="0", volume="-0")
    bench.load_lines(as_text, timezone=NEW_YORK)
    frame = pa.table(
        {"timestamp": ["2024-11-26T15:01:00Z"]} | {part: [-0.0] for part in ("open", "high", "low", "close", "volume")}
    )
    bench.load(frame)
    for bar in bench.bars():
        assert [str(bar[part]) for part in ("open", "high", "low", "close", "volume")] == ["0.0"] * 5


STAMPS = [
    "",
    "soon",
    "0000-00-00 00:00:00",
    "2024-02-30 10:00:00",
    "2024-11-26 25:00:00",
    "2024-11-26T10:61:00Z",
    "20241126T100000Z",
    "infinity",
    "-infinity",
    "300000-01-01 00:00:00",
]


def test_stamps_that_cannot_be_read(bench: Bench) -> None:
    report = bench.load_lines(GOOD, *(line(stamp) for stamp in STAMPS), timezone=NEW_YORK)
    assert report.inserted == 1
    assert bench.reasons(report.batch_id) == {number + 2: "the stamp cannot be read" for number in range(len(STAMPS))}


@pytest.mark.parametrize(
    "stamp",
    ["2024-11-26 02:31:00 PM", "2024-11-26T15:31:00z", "2024-11-26 14:31:00 EST", "2024-11-26 10:31 Mars/Base"],
)
def test_a_zone_that_is_given_is_never_overruled(bench: Bench, stamp: str) -> None:
    """Understood or rejected, but never read as the hour of another zone, or of another half of the day."""
    meant = {"PM": "19:31", "0z": "15:31", "ST": "19:31"}.get(stamp[-2:])
    report = bench.load_lines(line("2024-11-26 10:00:00-05:00"), line(stamp), timezone="America/Denver")
    assert report.rows == 2
    assert bench.starts()[1:] in ([], [f"2024-11-26 {meant}"])


def test_lines_that_are_no_rows(bench: Bench) -> None:
    report = bench.load_lines(
        GOOD,
        "2024-11-26 10:01:00,10,11",
        line("2024-11-26 10:02:00", open=99),
        line("2024-11-26 10:03:00") + ",7,8",
        "end of file",
        line("2024-11-26 10:04:00", close=99),
        timezone=NEW_YORK,
    )
    assert (report.rows, report.inserted, report.rejected) == (6, 1, 5)
    kept = {row["given"]: row for row in bench.ask("SELECT * FROM rejected")}
    assert "line 3" in kept["2024-11-26 10:01:00,10,11"]["reason"]
    assert "line 6" in kept["end of file"]["reason"]
    wrong = {json.loads(given)["timestamp"]: row for given, row in kept.items() if given.startswith("{")}
    assert "open" in wrong["2024-11-26 10:02:00"]["reason"], "lines before do not shift which row is quoted"
    assert "close" in wrong["2024-11-26 10:04:00"]["reason"]


def test_lines_that_are_no_rows_in_each_of_several_files(bench: Bench) -> None:
    files = [bench.write(line(f"2024-11-26 10:0{number}:00"), "no row", name=f"{number}.csv") for number in range(3)]
    report = bench.load(files, timezone=NEW_YORK)
    assert (report.rows, report.inserted, report.rejected) == (6, 3, 3)


def test_a_file_cut_off_in_its_last_line(bench: Bench) -> None:
    path = bench.folder / "cut.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n2024-11-26 10:01:00,10,1")
    report = bench.load(path, timezone=NEW_YORK)
    assert (report.rows, report.inserted, report.rejected) == (2, 1, 1)


def test_what_one_load_rejects_is_not_counted_by_the_next(bench: Bench) -> None:
    with pytest.raises(RejectedBarsError):
        bench.load_lines("no row", "none either", timezone=NEW_YORK)
    assert bench.load_lines(GOOD, timezone=NEW_YORK).rejected == 0
    with bench.store.transaction():
        first = bench.coordinator.load(bench.write(GOOD, "no row"), "SPY", "1m", timezone=NEW_YORK)
        second = bench.coordinator.load(bench.write(GOOD, name="b.csv"), "SPY", "1m", timezone=NEW_YORK)
    assert (first.rejected, second.rejected) == (1, 0)


def test_rows_are_quoted_from_where_they_stand(bench: Bench) -> None:
    """In a large file, read in parallel, the row that is quoted is the row that was rejected."""
    count, bad = 200_000, [0, 1, 2047, 2048, 122_879, 122_880, 150_001, 199_999]
    minute, start = 60_000_000, 1_577_836_800_000_000  # 2020-01-01
    data = pa.table(
        {
            "timestamp": pa.array([start + number * minute for number in range(count)], pa.timestamp("us", "UTC")),
            "open": [99.0 if number in bad else 10.0 for number in range(count)],
            "high": [11.0] * count,
            "low": [9.0] * count,
            "close": [10.0] * count,
            "volume": pa.array(range(count)),
        }
    )
    path = bench.folder / "large.parquet"
    pq.write_table(data, path, row_group_size=9_999)
    bench.coordinator.register("ETH", ["1m"], "24/7")
    for source in (data, path):
        report = bench.load(source, symbol="ETH")
        assert (report.rows, report.rejected) == (count, len(bad))
        kept = bench.ask(f"SELECT file_row, given FROM rejected WHERE batch_id = {report.batch_id} ORDER BY 1")
        assert [row["file_row"] - 1 for row in kept] == bad
        assert [json.loads(row["given"])["volume"] for row in kept] == bad


def test_strict_fails_the_whole_load_and_names_the_first_rows(bench: Bench) -> None:
    rows = [GOOD, line("2024-11-26 10:01", high=8), line("2024-11-26 10:02", volume=-1), "no row"]
    with unchanged(bench), pytest.raises(RejectedBarsError, match="3 of 4 rows") as refused:
        bench.load_lines(*rows, timezone=NEW_YORK, strict=True)
    for said in ("high is below low", "row 2", "volume is negative", "row 3", "no row", "strict=True"):
        assert said in str(refused.value)
    assert bench.load_lines(GOOD, GOOD, timezone=NEW_YORK, strict=True).inserted == 1


@pytest.mark.parametrize(
    "rows",
    [
        [line("2024-11-26 10:01", high=8), line("2024-11-26 10:01", volume=-1)],
        ["no row"],
        [line("soon")],
        [line("2100-01-04T15:00:00Z")],
    ],
)
def test_when_every_row_is_rejected_nothing_is_written(bench: Bench, rows: list[str]) -> None:
    with unchanged(bench), pytest.raises(RejectedBarsError, match=f"{len(rows)} of {len(rows)} row"):
        bench.load_lines(*rows, timezone=NEW_YORK)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "say how stamps such as '26.11.2024 10:00' are written, with timestamp_format='%d.%m.%Y %H:%M', or which"),
        (
            {"timestamp_format": "%Y"},
            "timestamp_format='%Y' does not fit stamps such as '26.11.2024 10:00'; say how they are written, with "
            "timestamp_format='%d.%m.%Y %H:%M', or which column they are in",
        ),
    ],
)
def test_stamps_that_cannot_be_read_show_how_a_format_is_said(bench: Bench, options: dict[str, Any], said: str) -> None:
    with unchanged(bench), pytest.raises(RejectedBarsError) as refused:
        bench.load_lines(line("26.11.2024 10:00"), timezone=NEW_YORK, **options)
    assert said in str(refused.value)
    report = bench.load_lines(line("26.11.2024 10:00"), timezone=NEW_YORK, timestamp_format="%d.%m.%Y %H:%M")
    assert report.inserted == 1


@pytest.mark.parametrize(
    ("stamp", "options", "said"),
    [
        ("1732633200", {}, " with timestamp_format='epoch_s'"),
        ("1732633200000", {"timestamp_format": "%Y-%m-%d"}, " with timestamp_format='epoch_ms'"),
        ("1732633200000000", {}, " with timestamp_format='epoch_us'"),
        ("1732633200000000000", {}, " with timestamp_format='epoch_ns'"),
        (
            "03/07/2024",
            {"timestamp_format": "epoch_s"},
            "timestamp_format='epoch_s' does not fit stamps such as '03/07/2024'; say how they are written, with "
            "timestamp_format='%m/%d/%Y' or timestamp_format='%d/%m/%Y', or",
        ),
        (
            "soon",
            {},
            "say how stamps such as 'soon' are written, with timestamp_format=, such as timestamp_format='%d.%m.",
        ),
        ("", {}, "say how stamps are written, with timestamp_format=, such as"),
        ("2024-11-26 03:00:00 PM", {}, "with timestamp_format='%Y-%m-%d %I:%M:%S %p', or which column"),
        (
            "2024-11-26 10:00 EST",
            {},
            "with timestamp_format='%Y-%m-%d %H:%M %Z' and whose clock has such names with timezone='America/New_York'",
        ),
        ("11/26/24 10:00", {}, "with timestamp_format='%m/%d/%y %H:%M', or which column"),
        ("24/11/06 10:00", {}, "with timestamp_format='%d/%m/%y %H:%M', or which column"),
        ("45622.4166666667", {}, "look like days as spreadsheets count them: write them as dates, such as 2024-03-05"),
    ],
)
def test_a_stamp_that_cannot_be_read_is_answered_with_the_formats_it_may_be_in(
    bench: Bench, stamp: str, options: dict[str, Any], said: str
) -> None:
    with unchanged(bench), pytest.raises(RejectedBarsError) as refused:
        bench.load_lines(line(stamp), timezone=NEW_YORK, **options)
    assert said in str(refused.value)


def test_symbols_that_are_not_registered_are_answered_with_their_registration(bench: Bench) -> None:
    rows = [f"{line('2024-11-26 10:00')},{symbol}" for symbol in ("SOLUSDT", "ethusdt", "SOLUSDT")]
    path = bench.write(*rows, header=f"{HEADER},symbol")
    with unchanged(bench), pytest.raises(RejectedBarsError) as refused:
        bench.load(path, symbol=None, timezone=NEW_YORK)
    said = "; register them first, register(['ETHUSDT', 'SOLUSDT'], intervals=..., calendar=...)"
    assert str(refused.value).endswith(said), "the options are not to blame"
    assert refused.value.hints == (Action("register", ["ETHUSDT", "SOLUSDT"]),)
    path = bench.write(rows[0], f"{line('2024-11-26 10:00', high=8)},SPY", header=f"{HEADER},symbol")
    with pytest.raises(RejectedBarsError, match=r"register it first, .*; check the options") as refused:
        bench.load(path, symbol=None, timezone=NEW_YORK)


def test_a_load_that_does_not_say_its_interval_is_told_the_one_that_is_registered(bench: Bench) -> None:
    path = bench.write(GOOD)
    for symbol, whose in (("spy", "SPY"), (None, "every symbol")):
        with unchanged(bench), pytest.raises(IntervalError, match=f"{whose} is loaded with 1m bars: .*interval='1m'"):
            bench.coordinator.load(path, symbol, timezone=NEW_YORK)
    bench.coordinator.register("DAYS", ["1d"], "XNYS", base="1d")
    for symbol in (None, "NOBODY"):
        with pytest.raises(IntervalError, match="interval= is missing; say how long the bars are"):
            bench.coordinator.load(path, symbol, timezone=NEW_YORK)


def test_what_is_to_be_checked_is_called_what_it_is(bench: Bench) -> None:
    row = line("2024-11-26 10:01", high=8)
    with pytest.raises(RejectedBarsError, match=r"columns=, timezone=, .*against the file"):
        bench.load_lines(row, timezone=NEW_YORK)
    names, values = HEADER.split(","), row.split(",")
    frame = pd.DataFrame({name: [value] for name, value in zip(names, values, strict=True)})
    with pytest.raises(RejectedBarsError, match=r"columns=, timezone=, .*against the frame"):
        bench.load(frame, timezone=NEW_YORK)


def test_duplicates(bench: Bench) -> None:
    """The same twice is unchanged; of those that differ the later wins and the others are rejected."""
    rows = [
        line("2024-11-26 10:00"),
        line("2024-11-26 10:00"),
        line("2024-11-26 10:01"),
        line("2024-11-26 10:01", volume=5),
        line("2024-11-26 10:02", volume=1),
        line("2024-11-26 10:02", volume=2),
        line("2024-11-26 10:02", volume=1),
        line("2024-11-26 18:00", volume=1),
        line("2024-11-26 18:00", volume=2),
    ]
    for turn, again in enumerate((False, True)):
        report = bench.load_lines(*rows, timezone=NEW_YORK)
        assert (report.rows, report.rejected, report.outside) == (9, 3, 1), again
        assert (report.inserted, report.unchanged) == ((0, 6) if turn else (4, 2))
        assert set(bench.reasons(report.batch_id)) == {3, 6, 8}
        assert all("later row" in reason for reason in bench.reasons(report.batch_id).values())
    assert [bar["volume"] for bar in bench.bars()] == [100.0, 5.0, 1.0, 2.0]


def test_a_rejected_row_does_not_stand_against_a_good_one(bench: Bench) -> None:
    report = bench.load_lines(line("2024-11-26 10:00", volume=7), line("2024-11-26 10:00", high=1), timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (1, 1)
    assert [bar["volume"] for bar in bench.bars()] == [7.0]


def test_order_does_not_matter(bench: Bench) -> None:
    rows = lines(minutes("2024-11-26 09:30", "2024-11-26 10:00"))
    shuffled = rows[::-3] + rows[-2::-3] + rows[-3::-3]
    assert bench.load_lines(*shuffled, timezone=NEW_YORK).inserted == 30
    assert bench.load_lines(*rows, timezone=NEW_YORK).unchanged == 30
    stored = bench.ask("SELECT bar_start FROM bar")
    assert stored == sorted(stored, key=lambda row: row["bar_start"]), "written in order"


def test_trade_count_and_vwap(bench: Bench) -> None:
    header = f"{HEADER},trades,vw"
    path = bench.write(
        f"{line('2024-11-26 10:00')},7,10.5",
        f"{line('2024-11-26 10:01')},,",
        f"{line('2024-11-26 10:02')},-1,10",
        f"{line('2024-11-26 10:03')},x,10",
        f"{line('2024-11-26 10:04')},7,inf",
        f"{line('2024-11-26 10:05')},7,unsure",
        header=header,
    )
    report = bench.load(path, timezone=NEW_YORK)
    assert [(bar["trade_count"], bar["vwap"]) for bar in bench.bars()] == [(7, 10.5), (None, None), (7, None)]
    assert report.vwap_left_out == 1
    reasons = bench.reasons(report.batch_id)
    assert list(reasons) == [3, 4, 6]
    assert "trade_count is negative" in reasons[3]
    assert "trade_count is not a number" in reasons[4]
    assert "vwap is not a number" in reasons[6]


@pytest.mark.parametrize(
    ("calendar", "way_out"),
    [("XNYS", "a calendar of one's own may begin earlier"), ("24/7", "known for, 1800-01-01 to ")],
)
def test_a_row_beyond_what_a_calendar_is_known_for_says_what_helps(bench: Bench, calendar: str, way_out: str) -> None:
    bench.coordinator.register("OLD", ["1d"], calendar)
    with unchanged(bench), pytest.raises(RejectedBarsError, match=way_out):
        bench.coordinator.load(pa.table({"timestamp": ["1650-01-03"], **ONE_BAR}), "OLD", "1d")


@pytest.mark.parametrize("price", [10.0, -10.0])
@pytest.mark.parametrize("vwap", ["", "10"])
def test_price_times_volume_is_limited_where_there_is_a_vwap(bench: Bench, price: float, vwap: str) -> None:
    """Three billion in a minute at 140 million won: each is summed by itself."""
    price, vwap = price * 1.4e7, vwap and str(price * 1.4e7)
    row = f"2024-11-26 10:00,{price},{price},{price},{price},3e9,{vwap}"
    path = bench.write(row, header="timestamp,open,high,low,close,volume,vwap")
    if vwap:
        with unchanged(bench), pytest.raises(RejectedBarsError, match="too large"):
            bench.load(path, timezone=NEW_YORK)
    else:
        assert bench.load(path, timezone=NEW_YORK).inserted == 1
        bench.process()
        assert bench.bars(interval="5m")[0]["volume"] == 3e9
