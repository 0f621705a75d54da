"""Text files of every encoding, line end and delimiter come to the same bars, or are refused naming the option."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import pytest
from load_kit import HEADER, Bench, line, minutes, unchanged

from barhouse.store.errors import InputError, RejectedBarsError, SourceError

STAMPS = [f"{stamp}Z" for stamp in minutes("2024-11-26 15:00", "2024-11-26 15:04")]
ROWS = [HEADER + ",Stück", *[line(stamp, close=10 + place / 8) + ",ü" for place, stamp in enumerate(STAMPS)]]
ROWS_QUOTED = [",".join(f'"{field}"' for field in row.split(",")[:6]) for row in ROWS[1:]]
CLOSES = [10.0, 10.125, 10.25, 10.375]


def loaded(bench: Bench, text: bytes, name: str = "bars.csv", **said: Any) -> list[float]:
    """The closes that the bytes of a file come to."""
    path = bench.folder / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    report = bench.load(path, **said)
    assert report.rejected == 0
    return [bar["close"] for bar in bench.bars()]


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "UTF-16BE"),
        ("utf-32", None),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
        ("utf-8", "utf-8"),
    ],
)
def test_encodings(bench: Bench, name: str, written: str, said: str | None) -> None:
    assert loaded(bench, "\r\n".join(ROWS).encode(written), name, encoding=said) == CLOSES


@pytest.mark.parametrize("written", ["latin-1", "cp1252", "utf-16-le", "utf-16-be"])
def test_an_encoding_that_nobody_said_is_refused_naming_the_option(bench: Bench, written: str) -> None:
    (bench.folder / "bars.csv").write_bytes("\n".join(ROWS).encode(written))
    with unchanged(bench), pytest.raises(SourceError, match="encoding="):
        bench.load(bench.folder / "bars.csv")


@pytest.mark.parametrize(("written", "said"), [("latin-1", "utf-16"), ("utf-8", "ascii"), ("latin-1", "utf-8")])
def test_the_wrong_encoding_is_refused_naming_the_option(bench: Bench, written: str, said: str) -> None:
    (bench.folder / "bars.csv").write_bytes("\n".join(ROWS).encode(written))
    with unchanged(bench), pytest.raises(SourceError, match="encoding"):
        bench.load(bench.folder / "bars.csv", encoding=said)


@pytest.mark.parametrize("said", ["klingon", "", "hex", "rot13", "utf-16\0", 8])
def test_what_is_no_encoding(shared_bench: Bench, said: Any) -> None:
    path = shared_bench.write(line(STAMPS[0]))
    with unchanged(shared_bench), pytest.raises(InputError, match="encoding"):
        shared_bench.load(path, encoding=said)


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\n\r\n", "\r\n\n", "\n\n\r\n", "\n\r", "\r"])
def test_line_ends_of_any_kind(bench: Bench, name: str, ends: str) -> None:
    """Each kind in turn, so that ``\\n\\r\\n`` is a file whose lines end with one and the other by turns."""
    kinds = [end or "\n" for end in ends.replace("\r\n", "w").replace("\n", "n").replace("\r", "r")]
    spelled = {"w": "\r\n", "n": "\n", "r": "\r"}
    text = "".join(row + spelled[kinds[place % len(kinds)]] for place, row in enumerate(ROWS))
    assert loaded(bench, text.encode(), name) == CLOSES


def test_lines_that_are_no_rows_are_rejected_where_line_ends_are_mixed(bench: Bench) -> None:
    rows = [*ROWS[:3], "1,2", *ROWS[3:], ROWS[1] + ",more,more"]
    text = "".join(row + ("\n" if place % 2 else "\r\n") for place, row in enumerate(rows))
    (bench.folder / "bars.csv").write_bytes(text.encode())
    report = bench.load(bench.folder / "bars.csv")
    assert (report.inserted, report.rejected) == (4, 2)


def test_many_lines_that_mix_only_far_down(bench: Bench) -> None:
    stamps = [f"{stamp}Z" for stamp in minutes("2024-11-01 00:00", "2024-11-26 00:00")]
    text = "\n".join([HEADER, *[line(stamp) for stamp in stamps]]) + "\r\n" + line("2024-11-26 15:00:00Z") + "\n"
    assert len(text) > 1 << 20
    (bench.folder / "bars.csv").write_bytes(text.encode())
    assert bench.load(bench.folder / "bars.csv").inserted == len(stamps) + 1


@pytest.mark.parametrize("sign", [",", ";", "\t", "|", ":", "~", "^", " "])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_delimiters(bench: Bench, sign: str, ends: str) -> None:
    rows = ["t,o,h,l,c,v", *[f"{1_732_633_200 + 60 * place},10,11,9,{10 + place / 8},5" for place in range(4)]]
    text = ends.join(row.replace(",", sign) for row in rows)
    assert loaded(bench, text.encode(), delimiter=sign, timestamp_format="epoch_s") == CLOSES


def test_a_delimiter_that_cannot_be_told_is_asked_for(bench: Bench) -> None:
    path = bench.folder / "bars.csv"
    path.write_text("t^o^h^l^c^v\n1732633200^10^11^9^10^5\n")
    with unchanged(bench), pytest.raises(SourceError, match="delimiter="):
        bench.load(path, timestamp_format="epoch_s")


@pytest.mark.parametrize("said", ["", ";;", "a", "7", '"', "\n", "-", 5])
def test_what_is_no_delimiter(shared_bench: Bench, said: Any) -> None:
    path = shared_bench.write(line(STAMPS[0]))
    with unchanged(shared_bench), pytest.raises(InputError, match="delimiter"):
        shared_bench.load(path, delimiter=said)


@pytest.mark.parametrize("said", [{"encoding": "utf-16"}, {"delimiter": ";"}])
def test_what_is_said_of_text_does_not_fit_parquet(bench: Bench, said: dict[str, str]) -> None:
    path = bench.folder / "bars.parquet"
    path.write_bytes(b"PAR1")
    with unchanged(bench), pytest.raises(InputError, match="is for text files"):
        bench.load(path, **said)


@pytest.mark.parametrize(
    "footer",
    [
        "Data by Example Ltd.",
        '"Data by Example, all rights reserved, no warranty"',
        "# 4 rows",
        "a,b",
        "-- end --",
    ],
)
def test_a_footer_is_rejected_alone(bench: Bench, footer: str) -> None:
    path = bench.write(*ROWS[1:], footer, header=ROWS[0])
    report = bench.load(path)
    assert (report.inserted, report.rejected) == (4, 1)


def test_fields_in_quotes(bench: Bench) -> None:
    rows = [",".join(f'"{field}"' for field in row.split(",")) for row in ROWS]
    assert loaded(bench, "\n".join(rows).encode()) == CLOSES


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_quotes_in_a_file_without_a_header(bench: Bench, written: str, packed: str) -> None:
    text = "\n".join(ROWS_QUOTED).encode(written)
    assert loaded(bench, text, f"bars.csv{packed}", header=HEADER.split(",")) == CLOSES


@pytest.mark.parametrize("written", ["utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("header", [None, HEADER.split(",")])
@pytest.mark.parametrize("quoted", [False, True])
def test_wide_characters_that_nobody_said_are_refused_naming_the_option(
    bench: Bench, written: str, header: list[str] | None, quoted: bool
) -> None:
    rows = ROWS_QUOTED if quoted else [row.removesuffix(",ü") for row in ROWS[1:]]
    path = bench.folder / "bars.csv"
    path.write_bytes("\r\n".join(rows if header else [HEADER, *rows]).encode(written))
    with (
        unchanged(bench),
        pytest.raises(SourceError, match=r"its many zero bytes show; say which encoding .* encoding="),
    ):
        bench.load(path, header=header)


@pytest.mark.parametrize("row", ["10.0 £", "£10.0"])
def test_rows_in_another_encoding_below_a_plain_header_name_the_option(bench: Bench, row: str) -> None:
    path = bench.folder / "bars.csv"
    rows = [f"{stamp},{row},11,9,10,5" for stamp in STAMPS]
    path.write_bytes("\n".join([HEADER, *rows]).encode("cp1252"))
    with unchanged(bench), pytest.raises(InputError, match="say which encoding it is in with encoding="):
        bench.load(path, decimal=".")


def test_quotes_that_begin_after_thirty_thousand_rows(bench: Bench) -> None:
    stamps = minutes("2024-01-02 15:00", "2024-01-02 15:01")
    many = [*[line(stamps[0])] * 30_000, *ROWS_QUOTED]
    assert loaded(bench, "\n".join([HEADER, *many]).encode(), timezone="UTC")[1:] == CLOSES


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_blank_lines_before_the_header_are_no_rows(bench: Bench, ends: str) -> None:
    assert loaded(bench, ends.join(["", "  ", *ROWS]).encode()) == CLOSES
    assert loaded(bench, ends.join(["a remark", "", *ROWS]).encode(), "other.csv", skip_rows=1) == CLOSES


def test_copies_know_the_folders_of_their_files_and_go(bench: Bench) -> None:
    for symbol in ("SPY", "QQQ"):
        folder = bench.folder / f"symbol={symbol}"
        folder.mkdir()
        (folder / "bars.csv").write_bytes("\n".join(ROWS).encode("utf-16"))
    report = bench.load(bench.folder / "*" / "bars.csv", symbol=None)
    assert (report.inserted, report.symbols) == (8, ("QQQ", "SPY"))
    assert not [*bench.folder.glob("*unpacked*"), *Path(tempfile.gettempdir()).glob("*unpacked*")]
    assert bench.load(bench.folder / "*" / "bars.csv", symbol=None).unchanged == 8


def test_two_files_of_different_encodings(bench: Bench) -> None:
    (bench.folder / "a.csv").write_bytes("\n".join(ROWS[:3]).encode("utf-16"))
    (bench.folder / "b.csv").write_bytes("\n".join([ROWS[0], *ROWS[3:]]).encode("utf-8"))
    assert bench.load([bench.folder / "a.csv", bench.folder / "b.csv"]).inserted == 4


def test_a_mixed_file_is_known_when_it_comes_again(bench: Bench) -> None:
    path = bench.folder / "bars.csv"
    path.write_bytes("\r\n".join([*ROWS[:2], "\n".join(ROWS[2:])]).encode())
    assert bench.load(path).inserted == 4
    assert bench.load(path).unchanged == 4
    assert bench.ask("SELECT outcome IS NOT NULL AS known FROM source_file")[0]["known"]


def test_no_row_of_a_later_line_in_another_encoding_is_taken(bench: Bench) -> None:
    text = (
        "\n".join([HEADER, line(STAMPS[0]), line(STAMPS[1])]).encode() + b"\n" + line(STAMPS[2] + "ü").encode("latin-1")
    )
    (bench.folder / "bars.csv").write_bytes(text)
    report = bench.load(bench.folder / "bars.csv")
    assert (report.inserted, report.rejected) == (2, 1)
    with pytest.raises(RejectedBarsError):
        bench.load(bench.folder / "bars.csv", strict=True)
