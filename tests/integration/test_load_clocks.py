"""Midnights of the zone that was said name days, and a clock may always be so far from a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load_kit import NEW_YORK, Bench, line, unchanged

from barhouse.store.calendars.time_zone import clock_named, zone_pieces
from barhouse.store.errors import CalendarError, InputError, RejectedBarsError

DAYS = [date(2024, 1, 2), date(2024, 7, 2)]
MIDNIGHTS = [datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(NEW_YORK)) for day in DAYS]
PRICES = {name: [10.0, 10.0] for name in ("open", "high", "low", "close", "volume")}
IN_UTC = [moment.astimezone(UTC) for moment in MIDNIGHTS]

STAMPS: dict[str, tuple[Any, dict[str, Any]]] = {
    "epoch": ([int(moment.timestamp()) for moment in MIDNIGHTS], {"timestamp_format": "epoch_s"}),
    "epoch text": ([str(int(moment.timestamp() * 1000)) for moment in MIDNIGHTS], {"timestamp_format": "epoch_ms"}),
    "instants": (pa.array(IN_UTC, pa.timestamp("us", "UTC")), {}),
    "text": ([f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in IN_UTC], {}),
    "offset": ([moment.isoformat() for moment in MIDNIGHTS], {}),
    "format": ([f"{moment:%d.%m.%Y %H:%M:%S %z}" for moment in IN_UTC], {"timestamp_format": "%d.%m.%Y %H:%M:%S %z"}),
}


@pytest.mark.parametrize("kind", STAMPS)
def test_midnights_of_the_zone_name_days(kinds: Bench, kind: str) -> None:
    stamps, said = STAMPS[kind]
    table = pa.table({"timestamp": stamps, **PRICES})
    pq.write_table(table, kinds.folder / "bars.parquet")
    for data in (table, kinds.folder / "bars.parquet"):
        report = kinds.load(data, "1d", "DAY", timezone=NEW_YORK, **said)
        assert report.rejected == 0
        assert [bar["session_date"] for bar in kinds.bars("DAY", "1d")] == DAYS


@pytest.mark.parametrize("kind", ["epoch", "instants", "text"])
def test_they_are_refused_where_no_zone_is_said(kinds: Bench, kind: str) -> None:
    stamps, said = STAMPS[kind]
    with unchanged(kinds), pytest.raises(RejectedBarsError, match="timezone="):
        kinds.load(pa.table({"timestamp": stamps, **PRICES}), "1d", "DAY", **said)


@pytest.mark.parametrize("timezone", ["America/New_York+07:00", "America/New_York-08:30", "+05:30", "UTC-03:00"])
def test_a_clock_that_is_so_far_from_a_zone(bench: Bench, timezone: str) -> None:
    """Wall clocks of a broker in New York's summer and winter, and in the weeks between other zones' changes."""
    name, sign, shift = timezone[:-6], timezone[-6], timezone[-5:]
    ahead = timedelta(hours=int(shift[:2]), minutes=int(shift[3:])) * (-1 if sign == "-" else 1)
    days = [(2024, 1, 16), (2024, 3, 8), (2024, 3, 11), (2024, 3, 28), (2024, 7, 2), (2024, 10, 30), (2024, 11, 4)]
    opens = [datetime(*day, 9, 30, tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC) for day in days]
    shown = [(moment.astimezone(ZoneInfo(name or "UTC")) + ahead).replace(tzinfo=None) for moment in opens]
    bench.load_lines(*[line(f"{moment:%Y-%m-%d %H:%M}") for moment in shown], timezone=timezone)
    assert [bar["bar_start"] for bar in bench.bars()] == opens


@given(
    st.sampled_from(["America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
    st.integers(-14 * 60, 14 * 60),
    st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1)),
)
@settings(max_examples=60, deadline=None)
def test_pieces_of_such_a_clock_turn_what_it_shows_into_the_instant(zone: str, minutes: int, moment: datetime) -> None:
    sign = "-" if minutes < 0 else "+"
    name = f"{zone}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    instant = moment.replace(microsecond=0, tzinfo=UTC)
    shown = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + timedelta(minutes=minutes)
    pieces = zone_pieces(name, shown.date(), shown.date()).to_pylist()
    found = [piece for piece in pieces if piece["local_from"] <= shown < piece["local_to"]]
    assert instant in [(shown - timedelta(seconds=piece["offset_seconds"])).replace(tzinfo=UTC) for piece in found]


@pytest.mark.parametrize("name", ["America/New_York+7", "New York+07:00", "America/New_York+15:00", "UTC+00:60", "+"])
def test_what_is_no_clock(bench: Bench, name: str) -> None:
    with unchanged(bench), pytest.raises(InputError, match="timezone"):
        bench.load_lines(line("2024-11-26 10:00"), timezone=name)
    with pytest.raises(CalendarError):
        clock_named(name)


def test_names_with_a_sign_stay_what_they_are() -> None:
    """Etc/GMT+5 is five hours behind UTC, as everybody knows it."""
    assert (clock_named("Etc/GMT+5").zone.key, clock_named("Etc/GMT+5").ahead_seconds) == ("Etc/GMT+5", 0)
