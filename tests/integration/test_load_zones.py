"""Zones that stamps name: understood where they stand for one offset; abbreviations only in the zone that is said."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from load_kit import NEW_YORK, Bench, line, unchanged

from barhouse.store.errors import InputError

FORM = "%Y-%m-%d %H:%M:%S %Z"
#: Names that DuckDB or tzdata know, and that stand for several offsets, or for another one than a vendor means.
ABBREVIATIONS = [
    "BST",
    "bst",
    "IST",
    "CST",
    "EST",
    "EDT",
    "PST",
    "CET",
    "MET",
    "EET",
    "WET",
    "MST",
    "HST",
    "AST",
    "GST",
]
ABBREVIATIONS += ["EST5EDT", "PST8PDT", "GMT+1", "GMT0", "Zulu", "UCT", "GB", "NZ", "PRC", "JST", "XYZ", "A", "UTC+01"]


@pytest.mark.parametrize("form", [None, FORM, "%a %b %d %H:%M:%S %Z %Y", "%Z %d.%m.%Y %H:%M", "%I:%M %p%Z %d-%b-%y"])
def test_no_abbreviation_is_understood_by_itself(kinds: Bench, form: str | None) -> None:
    at = datetime(2024, 7, 1, 9, 30)
    spelled = [at.strftime((form or FORM).replace("%Z", name)) for name in ABBREVIATIONS]
    with unchanged(kinds), pytest.raises(InputError, match="cannot be read"):
        kinds.load_lines(*map(line, spelled), interval="30m", symbol="BTC", timestamp_format=form)
    good = [at.strftime((form or FORM).replace("%Z", name)) for name in ("UTC", "GMT", "gmt")]
    report = kinds.load_lines(*map(line, good), interval="30m", symbol="BTC", timestamp_format=form)
    assert (report.inserted, report.unchanged) == (1, 2)
    assert kinds.starts("BTC", "30m") == ["2024-07-01 09:30"]


@pytest.mark.parametrize(
    ("zone", "names"),
    [
        ("Europe/London", ("GMT", "BST")),
        (NEW_YORK, ("EST", "EDT")),
        ("Europe/Berlin", ("CET", "CEST")),
        ("Australia/Sydney", ("AEDT", "AEST")),
        ("Asia/Kolkata", ("IST", "IST")),
        ("Asia/Dhaka", ("+06", "+06")),
    ],
)
def test_abbreviations_are_those_of_the_zone_that_is_said(kinds: Bench, zone: str, names: tuple[str, str]) -> None:
    """At random hours of two years, those that come twice among them; a name of the other season is no stamp."""
    chosen = random.Random(zone)
    starts = sorted({datetime(2023, 1, 1, tzinfo=UTC) + timedelta(hours=chosen.randrange(17_000)) for _ in range(200)})
    starts += [datetime(2024, month, day, hour, tzinfo=UTC) for month, day in ((11, 3), (10, 27)) for hour in range(9)]
    shown = [start.astimezone(ZoneInfo(zone)) for start in starts]
    rows = [line(f"{one:%Y-%m-%d %H:%M:%S} {one.tzname()}") for one in shown]
    options = {"interval": "30m", "symbol": "BTC", "timestamp_format": FORM, "timezone": zone}
    if not names[0].isalpha():
        with unchanged(kinds), pytest.raises(InputError, match="cannot be read"):
            kinds.load_lines(*rows, **options)
        return
    assert {one.tzname() for one in shown} == set(names)
    assert kinds.load_lines(*rows, **options).rejected == 0
    assert kinds.starts("BTC", "30m") == sorted({f"{start:%Y-%m-%d %H:%M}" for start in starts})
    if names[0] != names[1]:
        other = {names[0]: names[1], names[1]: names[0]}
        swapped = [one for one in shown if len({one.replace(fold=fold).utcoffset() for fold in (0, 1)}) == 1]
        wrong = [line(f"{one:%Y-%m-%d %H:%M:%S} {other[str(one.tzname())]}") for one in swapped]
        taken = {"UTC", "GMT"} & set(names)
        rejected = [row for row in wrong if row.split(",")[0].split()[-1] not in taken]
        with unchanged(kinds), pytest.raises(InputError, match=f"{len(rejected)} of {len(rejected)} rows"):
            kinds.load_lines(*rejected, **options)


@pytest.mark.parametrize("zone", ["Europe/London", NEW_YORK, "Australia/Lord_Howe", "Asia/Tokyo", "Etc/GMT+5"])
def test_names_of_zones_are_understood_where_they_tell_the_hour(kinds: Bench, zone: str) -> None:
    """Against zoneinfo: an hour that the clock shows twice, or never, is rejected."""
    walls = [datetime(2024, 11, 3), datetime(2024, 3, 10), datetime(2024, 10, 27), datetime(2024, 3, 31)]
    walls += [datetime(2024, 4, 7), datetime(2024, 10, 6)]
    stamps = [day + timedelta(minutes=30 * number) for day in walls for number in range(8)]
    told = {}
    for number, wall in enumerate(stamps, 1):
        instants = {wall.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
        if len(instants) == 1:
            told[number] = instants.pop()
    report = kinds.load_lines(
        *(line(f"{wall} {zone}") for wall in stamps), interval="30m", symbol="BTC", timestamp_format=FORM
    )
    assert set(kinds.reasons(report.batch_id)) == set(range(1, len(stamps) + 1)) - set(told)
    assert kinds.starts("BTC", "30m") == sorted(f"{start:%Y-%m-%d %H:%M}" for start in told.values())


def test_days_are_those_of_the_zone_that_is_named(kinds: Bench) -> None:
    rows = [line(f"2024-11-26 00:00:00 {NEW_YORK}"), line("2024-11-27 00:00:00 EST"), line("2024-11-29 00:00:00 UTC")]
    report = kinds.load_lines(*rows, interval="1d", symbol="DAY", timestamp_format=FORM, timezone=NEW_YORK)
    assert report.rejected == 0
    assert [f"{bar['session_date']:%m-%d}" for bar in kinds.bars("DAY", "1d")] == ["11-26", "11-27", "11-29"]
