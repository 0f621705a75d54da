"""What a command left in its folder: the rows of each table, what they mean, copies, and files; proven to be sound."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from barhouse import open_store

#: What the clock says, and who wrote; nothing else may differ between two runs of a command.
_OF_THE_MOMENT = {
    *("committed_at", "started_at", "updated_at", "ended_at", "registered_at", "removed_at", "modified_at"),
    *("seen_at", "kept_from", "owner", "pid", "read_with"),
}
_BARS = "(SELECT * EXCLUDE (batch_id) FROM bars)"
_MEANT = {
    "bars": _BARS,
    "coverage": "coverage",
    "gaps": "gaps",
    "symbols": "(SELECT symbol, calendar FROM symbol WHERE removed_at IS NULL)",
}
_COPIES = ("published.duckdb", "first.duckdb", "backup.duckdb")
_EXPORTS = ("exported", "first")


@dataclass(frozen=True)
class Look:
    """What is there.

    Attributes
    ----------
    tables
        Of each table of the store a digest, without what differs from one moment to the next.
    meant
        Of what the store says: bars, coverage, gaps, symbols.
    copies
        Of files beside the store: snapshots, backups, exported bars, reports.
    files
        The names of all files that hold something.
    """

    tables: dict[str, Any]
    meant: dict[str, Any]
    copies: dict[str, Any]
    files: list[str]


def look(store: str, folder: Path, touched: str, *, is_sound: bool) -> Look:
    """Open what a command left, in a process that nothing fails in, and prove it.

    ``touched`` names the copies that the command makes; where the store ``is_sound`` it must verify.
    """
    tables, meant = _looked_into(store, is_sound=is_sound) if Path(store).exists() else ({}, {})
    copies: dict[str, Any] = {}
    for name in _COPIES:
        if Path(name).exists() and name != store:
            with open_store(name, read_only=True, settings={"threads": 1}) as copy:
                assert name not in touched or copy.verify().sound, f"{name} does not verify"
                copies[name] = _digest(copy.sql(_query(_BARS)).to_pylist()[0])
    for file in (file for name in _EXPORTS for file in sorted(Path(name).rglob("bars.*"))):
        read = "read_parquet" if file.suffix == ".parquet" else "read_csv"
        with closing(duckdb.connect()) as connection:
            found = connection.execute(_query(f"{read}('{file}', hive_partitioning = false)")).to_arrow_table()
            copies[str(file)] = _digest(found.to_pylist()[0])
    if (report := Path("report.json")).exists():
        copies["report.json"] = bool(json.loads(report.read_text()))
    if (job := Path("written.toml")).exists():
        copies["written.toml"] = job.read_text()
    files = [str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file() and one.stat().st_size]
    return Look(tables, meant, copies, sorted(re.sub(r"\d{6,}[\d.TZ]*", "N", name) for name in files))


def _looked_into(store: str, *, is_sound: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    with open_store(store, settings={"threads": 1}) as opened:
        report = opened.verify()
        assert report.sound or not is_sound, f"verify: {report.differences[:3]}"
        meant = {name: _digest(opened.sql(_query(what)).to_pylist()[0]) for name, what in _MEANT.items()}
    tables = {}
    with closing(duckdb.connect(store, read_only=True)) as connection:
        for name, columns in _columns(connection).items():
            kept = ", ".join(f'"{one}"' for one in columns)
            rows = f"(SELECT struct_pack(whole := ({kept}, 0)) AS one FROM {name})"
            tables[name] = _digest(connection.execute(_query(rows)).to_arrow_table().to_pylist()[0])
    return tables, meant


def _query(what: str) -> str:
    return f"SELECT count(*) AS n, bit_xor(hash(x)) AS one, sum(hash(x) % 1000003) AS other FROM {what} AS x"


def _digest(row: dict[str, Any]) -> list[int | None]:
    return [None if value is None else int(value) for value in row.values()]


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for table, column in connection.execute(
        "SELECT c.table_name, column_name FROM duckdb_columns() AS c JOIN duckdb_tables() AS t USING (table_oid)"
        " WHERE c.table_name <> 'session_run' ORDER BY 1, column_index"
    ).fetchall():
        if column not in _OF_THE_MOMENT:
            found[table].append(column)
    return found
