"""Formats that are suggested for stamps: each reads the stamp it was suggested for."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from barhouse.coordinator.load.stamp_formats import formats_of


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("03/07/2024", ["%m/%d/%Y", "%d/%m/%Y"]),
        ("03.07.2024 09:30", ["%d.%m.%Y %H:%M", "%m.%d.%Y %H:%M"]),
        ("3-7-24 9:30:15", ["%d-%m-%y %H:%M:%S", "%m-%d-%y %H:%M:%S"]),
        ("13/07/2024 9:30", ["%d/%m/%Y %H:%M"]),
        ("03/27/2024 09:30:00.250", ["%m/%d/%Y %H:%M:%S.%f"]),
        ("3/27/2024 9:30 PM", ["%m/%d/%Y %I:%M %p"]),
        ("3/27/2024 9:30pm", ["%m/%d/%Y %I:%M%p"]),
        ("2024-03-27 09:30:15 PM", ["%Y-%m-%d %I:%M:%S %p"]),
        ("20240327", ["%Y%m%d"]),
        (" 20240327 093000 ", ["%Y%m%d %H%M%S"]),
        ("20240327T09:30", ["%Y%m%dT%H:%M"]),
        ("2024.10.21D14:30:00.123", ["%Y.%m.%dD%H:%M:%S.%f"]),
    ],
)
def test_each_format_reads_what_it_is_suggested_for(text: str, formats: list[str]) -> None:
    assert list(formats_of(text)) == formats
    for form in formats:
        assert datetime.strptime(text.strip(), form)


def test_nanoseconds_are_read_by_what_is_suggested() -> None:
    """As kdb writes them; Python's own formats know no such digits."""
    text = "2024.10.21D14:30:00.000000000"
    (form,) = formats_of(text)
    assert form == "%Y.%m.%dD%H:%M:%S.%n"
    assert duckdb.execute("SELECT strptime(?, ?)", [text, form]).fetchall() == [(datetime(2024, 10, 21, 14, 30),)]


def test_the_name_of_a_zone_is_one() -> None:
    assert formats_of("2024-03-27 09:30 EST") == ("%Y-%m-%d %H:%M %Z",)
    assert formats_of("3/27/2024 9:30 AM America/New_York") == ("%m/%d/%Y %I:%M %p %Z", "%d/%m/%Y %I:%M %p %Z")[:1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-02-30 09:30",
        "2024-03-27",
        "soon",
        "173",
        "١٧٣٢٦٣٣٢٠٠",
        "03/07-2024",
        "03/07/2024 half past nine",
        "17326332.5",
    ],
)
def test_nothing_is_suggested_for_what_is_like_nothing(text: str) -> None:
    assert formats_of(text) == ()
