"""Bars in JSON: a record on each line, or one value with the records somewhere in it, as vendors' interfaces answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from file_kit import ROWS, held, load_damaged, zipped
from load_kit import HEADER, NEW_YORK, Bench, line, minutes, unchanged

from barhouse.coordinator.sources import json_files
from barhouse.store.errors import InputError, OptionsError, SourceError

NAMES = HEADER.split(",")
Record = dict[str, Any]
RECORDS: list[Record] = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
ALPACA = [dict(zip("tohlcv", row, strict=True)) | {"n": 3, "vw": row[1]} for row in ROWS]


def on_lines(records: list[Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def without_stamp(record: Record) -> Record:
    return {key: value for key, value in record.items() if key != "timestamp"}


#: The records as they come; those that the symbol is said in are in the second table.
WRITTEN: dict[str, Callable[[list[Record]], str]] = {
    "bars.jsonl": on_lines,
    "bars.ndjson": lambda records: on_lines(records).replace("\n", "\r\n\n"),
    "lines.json": on_lines,
    "mark.jsonl": lambda records: "\ufeff" + on_lines(records),
    "other order.jsonl": lambda records: on_lines([dict(reversed(record.items())) for record in records]),
    "one more column at the end.jsonl": lambda records: on_lines([*records[:-1], records[-1] | {"vwap": 101.0}]),
    "texts.jsonl": lambda records: on_lines([{key: str(value) for key, value in one.items()} for one in records]),
    "more.jsonl": lambda records: on_lines([one | {"note": None, "flags": ["a", {}], "ok": True} for one in records]),
    "list.json": json.dumps,
    "spread out.json": lambda records: json.dumps(records, indent=2),
    "below a key.json": lambda records: json.dumps({"bars": records, "next_page_token": None}),
    "below keys.json": lambda records: json.dumps({"status": "OK", "data": {"candles": records}}),
    "by stamp.json": lambda records: json.dumps({one["timestamp"]: without_stamp(one) for one in records}),
    "by stamp below a key.json": lambda records: json.dumps(
        {
            "Meta Data": {"1. Information": "Intraday (1min)", "2. Symbol": "SPY"},
            "Time Series (1min)": {
                one["timestamp"]: {
                    f"{number}. {key}": str(value) for number, (key, value) in enumerate(without_stamp(one).items(), 1)
                }
                for one in records
            },
        }
    ),
    "by number.json": lambda records: json.dumps({str(number): one for number, one in enumerate(records)}),
    "columns by stamp.json": lambda records: json.dumps(
        {key: {one["timestamp"]: one[key] for one in records} for key in NAMES if key != "timestamp"}
    ),
    "columns by number.json": lambda records: json.dumps(
        {key: {str(number): one[key] for number, one in enumerate(records)} for key in NAMES}
    ),
    "columns.json": lambda records: json.dumps({"s": "ok", **{key: [one[key] for one in records] for key in NAMES}}),
}

#: What pandas writes, with stamps in its index.
WRITTEN |= {
    "split.json": lambda records: pd.DataFrame(records).set_index("timestamp").to_json(orient="split"),
    "split with numbers.json": lambda records: pd.DataFrame(records).to_json(orient="split"),
    "table.json": lambda records: pd.DataFrame(records).set_index("timestamp").to_json(orient="table"),
}

OF_SYMBOLS: dict[str, Any] = {
    "by symbol": lambda records: {"bars": {"SPY": records, "QQQ": records[:3]}},
    "by symbol alone": lambda records: {"SPY": records, "QQQ": records[:3]},
    "beside": lambda records: {"symbol": "SPY", "bars": records},
    "ticker": lambda records: {"ticker": "SPY", "queryCount": 1, "results": records, "status": "OK"},
    "in meta": lambda records: {"meta": {"symbol": "SPY", "interval": "1min"}, "values": records},
    "each with meta": lambda records: {
        name: {"meta": {"symbol": name}, "values": given} for name, given in (("SPY", records), ("QQQ", records[:3]))
    },
    "in records": lambda records: [one | {"symbol": "SPY"} for one in records],
    "columns": lambda records: {"symbol": "SPY", "data": {key: [one[key] for one in records] for key in NAMES}},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_json_holds_the_bars_of_the_plain_file(bench: Bench, name: str) -> None:
    path = bench.folder / name
    path.write_text(WRITTEN[name](RECORDS), encoding="utf-8", newline="")
    report = bench.load(path, timezone=NEW_YORK)
    assert (report.inserted, report.rejected, report.source) == (len(ROWS), 0, str(path))
    assert held(bench) == ROWS
    assert bench.load(path, timezone=NEW_YORK).unchanged == len(ROWS)


@pytest.mark.parametrize("name", OF_SYMBOLS)
def test_whose_the_records_are_may_stand_outside_of_them(bench: Bench, name: str) -> None:
    path = bench.folder / "bars.json"
    path.write_text(json.dumps(OF_SYMBOLS[name](RECORDS)))
    report = bench.load(path, symbol=None, timezone=NEW_YORK)
    several = "QQQ" in path.read_text()
    assert report.symbols == (("QQQ", "SPY") if several else ("SPY",))
    assert held(bench) == ROWS
    assert len(bench.bars("QQQ")) == (3 if several else 0)


def test_the_file_names_another_symbol_than_was_said(bench: Bench) -> None:
    path = bench.folder / "bars.json"
    for form in ("by symbol alone", "beside", "in meta"):
        path.write_text(json.dumps(OF_SYMBOLS[form](RECORDS)).replace("QQQ", "SPY2").replace('"SPY"', '"MSFT"'))
        if form == "by symbol alone":
            with pytest.raises(OptionsError, match=r"names 2 symbols"):
                bench.load(path, timezone=NEW_YORK)
        else:
            assert bench.load(path, timezone=NEW_YORK).named == "MSFT"


def test_a_record_that_names_its_symbol_is_not_given_that_of_the_others(bench: Bench) -> None:
    records = [dict(RECORDS[0]), dict(RECORDS[1]) | {"symbol": "QQQ"}]
    path = bench.folder / "bars.json"
    path.write_text(json.dumps({"SPY": records}))
    report = bench.load(path, symbol=None, timezone=NEW_YORK)
    assert [one.reason for one in report.rejects] == ["the symbol is missing"]
    assert (len(bench.bars("SPY")), len(bench.bars("QQQ"))) == (0, 1)


@pytest.mark.parametrize("keys", [("1m", "5m"), ("bid", "ask"), ("bars", "quotes")])
@pytest.mark.parametrize("by_symbol", [True, False])
def test_records_of_one_symbol_under_several_keys_are_not_put_together(
    bench: Bench, keys: tuple[str, str], by_symbol: bool
) -> None:
    """They may be bars of other lengths, or sides, whether their stamps collide or not."""
    path = bench.folder / "bars.json"
    path.write_text(json.dumps({"symbol": "SPY", keys[0]: RECORDS[:5], keys[1]: RECORDS[5:]}))
    with unchanged(bench), pytest.raises(SourceError, match=rf"records of SPY in several places \({', '.join(keys)}\)"):
        bench.load(path, symbol=None if by_symbol else "SPY", timezone=NEW_YORK)


def test_answers_of_a_vendor(bench: Bench) -> None:
    """Alpaca's, by its names; the zone is in the stamps."""
    stamped = [one | {"t": one["t"].replace(" ", "T") + "-05:00"} for one in ALPACA]
    path = bench.folder / "bars.json"
    path.write_text(json.dumps({"bars": {"SPY": stamped}, "next_page_token": None}))
    names = {"trade_count": "n", "vwap": "vw"}
    assert bench.load(path, symbol=None, columns=names).inserted == len(ROWS)
    assert held(bench) == ROWS
    assert {bar["trade_count"] for bar in bench.bars()} == {3}


def test_rows_that_are_lists_are_named_by_a_header(bench: Bench) -> None:
    rows = [list(record.values()) for record in RECORDS]
    path = bench.folder / "klines.json"
    for content in (json.dumps(rows), on_lines(rows), json.dumps({"error": [], "result": rows})):
        path.write_text(content)
        with pytest.raises(OptionsError, match=r"rows without names, of 6 fields, .*say which columns"):
            bench.load(path, timezone=NEW_YORK)
        with pytest.raises(OptionsError, match=r"has 6 fields in row 1, and header= names 5"):
            bench.load(path, timezone=NEW_YORK, header=NAMES[:5])
        bench.load(path, timezone=NEW_YORK, header=NAMES)
        assert held(bench) == ROWS


def test_rows_that_are_lists_are_shown_with_whose_they_may_be(bench: Bench) -> None:
    path = bench.folder / "bars.json"
    path.write_text("[[1729504800, 66950.5, 67120, 67000, 67100.2, 11.2]]")
    with pytest.raises(OptionsError) as refused:
        bench.load(path)
    assert "of 6 fields, such as [1729504800, 66950.5, 67120, 67000, 67100.2, 11.2]; say which" in str(refused.value)
    assert "header=, or preset='coinbase' if it is that vendor's" in str(refused.value)


def test_a_record_inside_of_a_record_is_named_by_both(bench: Bench) -> None:
    """As OANDA's are: the prices lie in ``mid``, or in ``bid`` and ``ask``."""
    prices = {part: part[0] for part in ("open", "high", "low", "close")}
    outer = ("timestamp", "volume")
    nested = [
        {name: one[name] for name in outer} | {"mid": {short: one[part] for part, short in prices.items()}}
        for one in RECORDS
    ]
    path = bench.folder / "bars.json"
    path.write_text(json.dumps({"instrument": "SPY", "candles": nested}))
    with unchanged(bench), pytest.raises(OptionsError, match=r"it has timestamp, volume, mid\.o, mid\.h"):
        bench.load(path, timezone=NEW_YORK)
    named = {part: f"mid.{short}" for part, short in prices.items()}
    assert bench.load(path, symbol=None, timezone=NEW_YORK, columns=named).inserted == len(ROWS)
    assert held(bench) == ROWS


def test_numbers_are_read_to_the_last_bit(bench: Bench) -> None:
    texts = ["0.1", "1e2", "0.30000000000000004", "123456.789012345678", "179.999999999999999999", "7.0E0", "10"]
    stamps = minutes("2024-11-26 10:00", "2024-11-26 10:07")
    path = bench.folder / "bars.jsonl"
    lines = (
        f'{{"t": "{at}", "o": {one}, "h": {one}, "l": {one}, "c": "{one}", "v": {number}}}'
        for number, (at, one) in enumerate(zip(stamps, texts, strict=True))
    )
    path.write_text("\n".join(lines))
    assert bench.load(path, timezone=NEW_YORK).inserted == len(texts)
    assert [(bar["open"], bar["close"]) for bar in bench.bars()] == [(float(text), float(text)) for text in texts]


def test_stamps_of_nineteen_digits_are_read_to_the_last(bench: Bench) -> None:
    path = bench.folder / "bars.jsonl"
    bar = {"o": 1, "h": 1, "l": 1, "c": 1, "v": 1}
    path.write_text(on_lines([{"t": 1732633200000000000, **bar}, {"t": 1732633260000000001, **bar}]))
    report = bench.load(path, timestamp_format="epoch_ns")
    assert bench.starts()[:1] == ["2024-11-26 15:00"]
    assert report.inserted + report.rejected == 2


def test_values_that_are_none_are_treated_as_in_other_texts(bench: Bench) -> None:
    odd: list[Record] = [
        {**RECORDS[0], "open": None},
        {**RECORDS[1], "open": "x"},
        {**RECORDS[2], "open": float("nan")},
        {**RECORDS[3], "open": [1]},
        {**RECORDS[4], "open": True},
        {key: value for key, value in RECORDS[5].items() if key != "open"},
        {**RECORDS[6], "vwap": None, "trade_count": float("nan")},
    ]
    path = bench.folder / "bars.jsonl"
    path.write_text(on_lines(odd))
    report = bench.load(path, timezone=NEW_YORK)
    assert (report.inserted, report.rejected) == (1, 6)
    assert held(bench) == ROWS[6:7]


WRONG: dict[str, tuple[str, str]] = {
    "empty": ("", "neither one JSON value nor one on each line"),
    "no records": ("[]", "has no records"),
    "nothing": ("{}", "has no records"),
    "nothing below": ('{"bars": {}, "next_page_token": null}', "has no records|no column"),
    "a number": ("7", "has no records"),
    "numbers": ("[1, 2]", "neither a record nor a list of fields"),
    "cut off": (json.dumps(RECORDS)[:-1], "neither one JSON value nor one on each line"),
    "line cut off": (on_lines(RECORDS)[:-9], r"line 360, cannot be read"),
    "twice in a record": ('[{"t": 1, "t": 2}]', "'t' is there twice in one record"),
    "deep": ("[" * 100_000 + "]" * 100_000, "nested too deep|too deep"),
    "several places": ('{"bars": [{"t": 1}], "data": [{"t": 1}]}', r"records in several places \(bars, data\)"),
    "text": (f"{HEADER}\n{line(1)}\n", "neither one JSON value"),
    "other text": ('{"t": "\udce9"}', "neither one JSON value"),
    "one that is no record": (on_lines([*RECORDS, 7]), "neither a record nor a list of fields"),
    "twice, inside and beside": ('[{"t": 1, "mid": {"o": 1}, "mid.o": 2}]', r"'mid\.o' twice in one record"),
    "by symbols in digits": (json.dumps({"600519": RECORDS[0], "000001": RECORDS[1]}), "has no records"),
    "by numbers that skip one": (json.dumps({"0": RECORDS[0], "2": RECORDS[1]}), "has no records"),
    "by stamp, with another": (json.dumps({"2024-11-26": RECORDS[0], "2024-11-27": RECORDS[1]}), "has no records"),
    "unequal columns": ('{"t": ["2024-11-26 10:00"], "o": [1, 2]}', "no column|no records"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_holds_no_records_is_refused(loaded: Bench, what: str) -> None:
    content, said = WRONG[what]
    path = loaded.folder / "bars.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with unchanged(loaded), pytest.raises(InputError, match=said):
        loaded.load(path, timezone=NEW_YORK)


def test_one_value_of_a_size_that_memory_may_not_hold_is_refused(
    loaded: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "_MOST_BYTES", 10_000)
    path = loaded.folder / "bars.json"
    path.write_text(json.dumps(RECORDS))
    with unchanged(loaded), pytest.raises(SourceError, match=r"write a record on each line \(\.jsonl\), or as Parquet"):
        loaded.load(path, timezone=NEW_YORK)
    path.write_text(on_lines(RECORDS))
    assert loaded.load(path, timezone=NEW_YORK).unchanged == len(ROWS)


def test_records_are_read_in_parts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "_CHUNK_ROWS", 7)
    for name, symbol in (("bars.jsonl", "SPY"), ("list.json", "SPY")):
        path = bench.folder / name
        path.write_text(WRITTEN[name](RECORDS))
        bench.load(path, symbol=symbol, timezone=NEW_YORK)
        assert held(bench) == ROWS


def test_a_file_cut_off_anywhere_gives_no_other_bars(loaded: Bench) -> None:
    """Where one value is all, it is refused; of lines those that are whole count, as in any text, or none do."""
    content = json.dumps({"bars": {"SPY": RECORDS}}).encode()
    random = Random(1)
    for length in (1, len(content) - 1, *(random.randrange(1, len(content)) for _ in range(10))):
        assert load_damaged(loaded, "bars.json", content[:length]), length
    assert held(loaded) == ROWS


def test_packed_json_is_json(bench: Bench) -> None:
    for name, pack in (
        ("bars.jsonl.gz", gzip.compress),
        ("bars.zip", lambda text: zipped({"a.jsonl": text})),
    ):
        path = bench.folder / name
        path.write_bytes(pack(on_lines(RECORDS).encode()))
        bench.load(path, timezone=NEW_YORK)
        assert held(bench) == ROWS


def test_several_files_are_one_source(bench: Bench, tmp_path: Path) -> None:
    first, second = bench.folder / "1.json", bench.folder / "2.json"
    first.write_text(json.dumps({"bars": {"SPY": RECORDS[:100]}}))
    second.write_text(json.dumps({"bars": {"SPY": RECORDS[100:]}}))
    assert bench.load([first, second], symbol=None, timezone=NEW_YORK).inserted == len(ROWS)
    assert held(bench) == ROWS


LIST = [
    {
        "t": 1732633200000 + 60_000 * number,
        "T": 1732633259999 + 60_000 * number,
        "s": "SPY",
        "o": "10.5",
        "h": "11",
        "l": "10",
    }
    | {"c": f"10.{number}", "v": "5", "n": 3}
    for number in range(4)
]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_keys_that_differ_in_case_alone_are_named_as_they_are_told_apart(bench: Bench, suffix: str) -> None:
    path = bench.folder / f"bars.{suffix}"
    text = {"json": json.dumps(LIST), "jsonl": on_lines(LIST)}.get(suffix)
    rows = [",".join(map(str, one.values())) for one in LIST]
    path.write_text("\n".join([",".join(LIST[0]), *rows]) if text is None else text)
    said: dict[str, Any] = {"timestamp_format": "epoch_ms", "columns": {"trade_count": "n"}}
    with (
        unchanged(bench),
        pytest.raises(OptionsError, match=r"several columns of one name: t; .* told apart here: t, T_1,"),
    ):
        bench.load(path, **said)
    report = bench.load(path, **said | {"columns": {"bar_start": "t", "trade_count": "n"}})
    assert (report.inserted, report.rejected) == (4, 0)
    assert [bar["close"] for bar in bench.bars()] == [10.0, 10.1, 10.2, 10.3]
    grouped = bench.folder / f"grouped.{suffix}"
    grouped.write_text(path.read_text().replace('"T":', '"x":').replace('"s":', '"T":').replace(",T,s,", ",x,T,"))
    symbols = {"symbol": "T_1", "bar_start": "t", "trade_count": "n"}
    if suffix != "csv":
        assert bench.load(grouped, symbol=None, **said | {"columns": symbols}).unchanged == 4


@pytest.mark.parametrize("word", ["\\N", "NA", "#N/A", "null", "NaN", "-", ""])
def test_what_programs_write_for_an_unknown_value_is_one(bench: Bench, word: str) -> None:
    path = bench.folder / "bars.csv"
    values = ",".join([word] * 5)
    path.write_text(
        f"timestamp,open,high,low,close,volume,vwap,trade_count\n2024-11-26 15:00,10,11,9,10,5,{word},{word}\n"
        f"2024-11-26 15:01,{values},{word},{word}\n"
    )
    report = bench.load(path, timezone="UTC")
    assert (report.inserted, report.rejected, report.empty) == (1, 0, 1)
    assert (bench.bars()[0]["vwap"], bench.bars()[0]["trade_count"]) == (None, None)
