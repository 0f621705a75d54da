"""Sound bars written in layouts that are drawn at random: the file, and what has to be said of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

NEW_YORK = ZoneInfo("America/New_York")
_OTHER_NAMES = ("Kurszeit", "Erster", "Hoch", "Tief", "Letzter", "Stück")
_PARTS = ("bar_start", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Bar:
    """A bar as it really is."""

    start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int

    @property
    def values(self) -> tuple[float, ...]:
        """Its values, as a store has them."""
        return (*map(float, (self.open, self.high, self.low, self.close)), float(self.volume))


@dataclass
class Layout:
    """A file, the options that it is read by, and those of them that may be left unsaid to see it refused."""

    bars: list[Bar]
    path: Path
    said: dict[str, Any] = field(default_factory=dict)
    needed: list[str] = field(default_factory=list)


def drawn(chosen: Random, folder: Path, *, daily: bool) -> Layout:
    """A file of some bars in a layout of its own."""
    bars = _bars(chosen, daily=daily)
    layout = Layout(bars, folder / "bars.csv")
    columns = _stamp_columns(chosen, bars, layout, daily=daily) | _number_columns(chosen, bars, layout)
    columns |= _noise(chosen, bars, layout)
    names = list(columns)
    chosen.shuffle(names)
    rows = list(zip(*(columns[name] for name in names), strict=True))
    order = chosen.choice(["sorted", "backwards", "shuffled"])
    rows = rows[::-1] if order == "backwards" else rows
    if order == "shuffled":
        chosen.shuffle(rows)
    if chosen.random() < 0.2:
        _write_parquet(layout, names, rows)
    else:
        _write_text(chosen, layout, names, rows)
    return layout


#: Hours that clocks of Europe and New York show for the second time; what is said of layouts means the first.
_SHOWN_AGAIN = (datetime(2024, 10, 27, 1, tzinfo=UTC), datetime(2024, 11, 3, 6, tzinfo=UTC))


def _bars(chosen: Random, *, daily: bool) -> list[Bar]:
    begin = datetime(2024, chosen.choice([3, 7, 10, 11]), chosen.randrange(1, 28), tzinfo=UTC)
    if daily:
        days = [begin + timedelta(days=number) for number in range(chosen.randrange(5, 30))]
        starts = [day for day in days if day.weekday() < 5 and f"{day:%m-%d}" not in ("03-29", "07-04", "11-28")]
    else:
        first = begin + timedelta(minutes=chosen.randrange(24 * 60))
        drawn_at = {first + timedelta(minutes=chosen.randrange(400)) for _ in range(chosen.randrange(5, 60))}
        starts = sorted(start for start in drawn_at if start.replace(minute=0) not in _SHOWN_AGAIN)
    places = chosen.choice([1, 2, 4])
    found = []
    for start in starts:
        prices = sorted(Decimal(chosen.randrange(9 * 10**places, 2000 * 10**places)).scaleb(-places) for _ in range(4))
        found.append(Bar(start, prices[1], prices[3], prices[0], prices[2], chosen.randrange(1, 5_000_000)))
    return found


# ---------------------------------------------------------------------------------------------------------- stamps

#: How to write a stamp of a minute, and the format that has to be said; each reads what it writes.
_FORMATS = (
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%Y%m%d %H%M%S",
    "%d/%m/%Y %I:%M %p",
    "%Y.%m.%d %H:%M",
    "%m-%d-%y %H:%M",
)
_EPOCHS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6, "epoch_ns": 10**9}


def _stamp_columns(chosen: Random, bars: list[Bar], layout: Layout, *, daily: bool) -> dict[str, list[str]]:
    clock: Callable[[datetime], datetime]
    name, clock = chosen.choice(
        [
            ("UTC", lambda moment: moment),
            ("America/New_York", lambda moment: moment.astimezone(NEW_YORK)),
            ("Asia/Tokyo", lambda moment: moment.astimezone(ZoneInfo("Asia/Tokyo"))),
            ("America/New_York+07:00", lambda moment: moment.astimezone(NEW_YORK) + timedelta(hours=7)),
        ]
    )
    starts = [bar.start for bar in bars]
    if daily:
        return _day_columns(chosen, starts, layout)
    if chosen.random() < 0.15:
        starts = [start + timedelta(minutes=1) for start in starts]
        layout.said["label"] = "end"
    form = chosen.choice(["iso", "offset", "epoch", "format", "format", "two columns", "naive"])
    local = [clock(start) for start in starts]
    if form in ("iso", "offset"):
        shown = [start.astimezone(NEW_YORK) for start in starts] if form == "offset" else starts
        ending = chosen.choice(["Z", " UTC", "+00:00", "+0000", " +0000"])
        texts = [f"{moment:%Y-%m-%d %H:%M:%S}{ending}" for moment in shown]
        if form == "offset":
            mark = chosen.choice(["%z", " %z", "%:z"])
            texts = [f"{moment:%Y-%m-%dT%H:%M}" + _offset(moment, mark) for moment in shown]
        return {_name(chosen, layout, 0): texts}
    if form == "epoch":
        unit = chosen.choice(list(_EPOCHS))
        layout.said["timestamp_format"] = unit
        layout.needed.append("timestamp_format")
        return {_name(chosen, layout, 0): [str(int(start.timestamp()) * _EPOCHS[unit]) for start in starts]}
    layout.said["timezone"] = name
    layout.needed.append("timezone")
    layout.said["ambiguous"] = "first"
    if form == "naive":
        return {_name(chosen, layout, 0): [f"{moment:%Y-%m-%d %H:%M}" for moment in local]}
    if form == "format":
        pattern = chosen.choice(_FORMATS)
        layout.said["timestamp_format"] = pattern
        layout.needed.append("timestamp_format")
        return {_name(chosen, layout, 0): [moment.strftime(pattern) for moment in local]}
    dates, times = chosen.choice(
        [("%Y-%m-%d", "%H:%M"), ("%Y%m%d", "%H%M%S"), ("%Y.%m.%d", "%H:%M:%S"), ("%m/%d/%Y", "%H%M")]
    )
    if "/" in dates:
        layout.said["timestamp_format"] = f"{dates} {times}"
        layout.needed.append("timestamp_format")
    pair = chosen.choice([("<DATE>", "<TIME>"), ("Date", "Time")])
    layout.said["columns"] = {**layout.said.get("columns", {}), "bar_start": list(pair)}
    layout.needed.append("columns")
    return {
        pair[0]: [moment.strftime(dates) for moment in local],
        pair[1]: [moment.strftime(times) for moment in local],
    }


def _day_columns(chosen: Random, days: list[datetime], layout: Layout) -> dict[str, list[str]]:
    form = chosen.choice(["date", "midnight", "format", "instant", "offset"])
    local = [datetime(day.year, day.month, day.day, tzinfo=NEW_YORK) for day in days]
    if form == "format":
        pattern = chosen.choice(["%d.%m.%Y", "%m/%d/%Y", "%Y%m%d"])
        layout.said["timestamp_format"] = pattern
        layout.needed.append("timestamp_format")
        return {_name(chosen, layout, 0): [day.strftime(pattern) for day in days]}
    if form == "instant":
        layout.said |= {"timestamp_format": "epoch_ms", "timezone": "America/New_York"}
        layout.needed += ["timestamp_format", "timezone"]
        return {_name(chosen, layout, 0): [str(int(moment.timestamp()) * 1000) for moment in local]}
    if form == "offset":
        return {_name(chosen, layout, 0): [moment.isoformat() for moment in local]}
    return {_name(chosen, layout, 0): [f"{day:%Y-%m-%d}" + (" 00:00:00" if form == "midnight" else "") for day in days]}


def _offset(moment: datetime, mark: str) -> str:
    plain = f"{moment:%z}"
    return f"{plain[:3]}:{plain[3:]}" if mark == "%:z" else mark.replace("%z", plain)


# --------------------------------------------------------------------------------------------------------- numbers


def _number_columns(chosen: Random, bars: list[Bar], layout: Layout) -> dict[str, list[str]]:
    numbers = [[str(getattr(bar, part)) for bar in bars] for part in _PARTS[1:]]
    style = chosen.choice(["plain", "plain", "comma", "grouped", "currency", "scaled", "short"])
    if style == "comma":
        layout.said |= {"decimal": ",", "thousands": "."}
        layout.needed += ["decimal", "thousands"]
        numbers = [[_grouped(text, ".", ",") for text in column] for column in numbers]
    elif style == "grouped":
        sign = chosen.choice([",", " ", "'"])
        layout.said["thousands"] = sign
        layout.needed.append("thousands")
        numbers = [[_grouped(text, sign, ".") for text in column] for column in numbers]
    elif style == "currency":
        layout.said["decimal"] = "."
        layout.needed.append("decimal")
        sign = chosen.choice(["${}", "€ {}", "{} £"])
        numbers = [*[[sign.format(text) for text in column] for column in numbers[:4]], numbers[4]]
    elif style == "scaled":
        layout.said |= {"price_scale": 1e-9}
        numbers = [*[[str(int(Decimal(text).scaleb(9))) for text in column] for column in numbers[:4]], numbers[4]]
    elif style == "short":
        layout.said["decimal"] = "."
        layout.needed.append("decimal")
        numbers = [*numbers[:4], [f"{Decimal(text).scaleb(-3)}K" for text in numbers[4]]]
    return {_name(chosen, layout, place): column for place, column in enumerate(numbers, 1)}


def _grouped(text: str, thousands: str, decimal: str) -> str:
    return f"{Decimal(text):,}".translate(str.maketrans({",": thousands, ".": decimal}))


def _name(chosen: Random, layout: Layout, place: int) -> str:
    """What a part is called: by a name that is known, in any case, or by another that is said."""
    known = _PARTS[place] if place else chosen.choice(["timestamp", "date", "datetime"])
    if chosen.random() < 0.12:
        layout.said["columns"] = {**layout.said.get("columns", {}), _PARTS[place]: _OTHER_NAMES[place]}
        layout.needed.append("columns")
        return _OTHER_NAMES[place]
    return chosen.choice([known, known.title(), known.upper(), f"<{known.upper()}>"])


def _noise(chosen: Random, bars: list[Bar], layout: Layout) -> dict[str, list[str]]:
    """Columns that are no part of a bar; one of them may be another volume."""
    found: dict[str, list[str]] = {}
    if chosen.random() < 0.3:
        found["Change %"] = [f"{chosen.uniform(-5, 5):.2f}%" for _ in bars]
    if chosen.random() < 0.3:
        found["Note"] = [chosen.choice(["", "x y", "ü", "-"]) for _ in bars]
    if chosen.random() < 0.15 and "volume" not in layout.said.get("columns", {}):
        found["volume_quote"] = [str(chosen.randrange(10**6)) for _ in bars]
        layout.said["volume_column"] = "volume"
        layout.needed.append("volume_column")
    return found


# ------------------------------------------------------------------------------------------------------------ files


def _write_parquet(layout: Layout, names: list[str], rows: list[tuple[str, ...]]) -> None:
    layout.path = layout.path.with_suffix(".parquet")
    pq.write_table(pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)}), layout.path)


def _write_text(chosen: Random, layout: Layout, names: list[str], rows: list[tuple[str, ...]]) -> None:
    sign = chosen.choice([",", ",", ";", "\t", "|", "^"])
    if sign == "^" or chosen.random() < 0.2:
        layout.said["delimiter"] = sign
        layout.needed.append("delimiter")
    text = io.StringIO()
    quoting = chosen.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    writer = csv.writer(text, delimiter=sign, lineterminator="\n", quoting=quoting)
    if chosen.random() < 0.15:
        text.write("Data by Example\n")
        layout.said["skip_rows"] = 1
        layout.needed.append("skip_rows")
    if chosen.random() < 0.15:
        layout.said["header"] = names
        layout.needed.append("header")
    else:
        writer.writerow(names)
    writer.writerows(rows)
    lines = text.getvalue().splitlines()
    ends = chosen.choice([["\n"], ["\r\n"], ["\n", "\r\n"]])
    whole = "".join(line + ends[place % len(ends)] for place, line in enumerate(lines))
    encoding = chosen.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
    if encoding in ("utf-16-le", "cp1252") and not (encoding == "cp1252" and whole.isascii()):
        layout.said["encoding"] = encoding
        layout.needed.append("encoding")
    layout.path.write_bytes(whole.encode(encoding))
