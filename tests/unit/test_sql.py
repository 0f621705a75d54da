"""Statements say what they are; text from outside never becomes one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from barhouse import open_store
from barhouse.store.database.tables import metadata
from barhouse.store.sql import Sql, Statement, identifier, joined, literal, parse, sql, texts
from barhouse.store.sql.text import names_of, parameters_of
from tests.docs.reference.statements import statements

FOLDER = Path(__file__).parents[2] / "store" / "sql"
EVERY = [one for found in statements().values() for one in found.values()]
NAMES = [one.name for one in EVERY]

#: What a statement may read by name: tables, views, and macros that are tables.
VIEWS = texts((FOLDER / "views.sql").read_text(encoding="utf-8"))
KEPT = {
    *(table.name for table in metadata.tables.values()),
    *(name for name, text in VIEWS.items() if text.startswith("CREATE VIEW") or " AS TABLE" in text),
    "alembic_version",
}
_RELATION = re.compile(r"(?<!DISTINCT )\b(?:(?:FROM|JOIN|INTO|UPDATE)\s+\(?|USING\s+)([a-z_]+)\b(?!\.| *\()")
_MACRO = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)\(")
_CTE = re.compile(r"(?:WITH|,)\s+(?:RECURSIVE\s+)?([a-z_]+)\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(")


def relations(one: Statement) -> set[str]:
    """The tables and views that a statement names itself."""
    code = re.sub(r"--.*", "", one.text)
    own = set(_CTE.findall(code))
    return ({*_RELATION.findall(code)} | (set(_MACRO.findall(code)) & KEPT)) - own


CTES = {name for one in EVERY for name in _CTE.findall(re.sub(r"--.*", "", one.text))}


@pytest.mark.parametrize("one", EVERY, ids=NAMES)
def test_a_statement_says_its_kind_and_its_shape(one: Statement) -> None:
    assert one.kind is not None, "it declares neither gives, makes, writes nor part"
    assert one.purpose
    if one.kind == "makes":
        assert one.text.startswith(f"CREATE OR REPLACE TEMP TABLE {{{one.shape}}} AS"), one.text[:80]
        assert one.columns
    if one.kind == "gives":
        assert one.columns
        assert re.match(r"\(?(SELECT|WITH|FROM|DESCRIBE)\b", one.text), one.text[:40]
    if one.kind == "writes":
        assert one.writes
        assert re.match(r"(INSERT|UPDATE|DELETE|MERGE|DROP)\b", one.text), one.text[:40]
    if one.kind == "part":
        assert one.shape


@pytest.mark.parametrize("one", EVERY, ids=NAMES)
def test_a_statement_takes_tables_through_holes_and_reads_what_it_says(one: Statement) -> None:
    """No temporary table is known by name: whatever is named is a table or view of the store, and declared."""
    assert one.takes.keys() <= names_of(one.text)
    known = KEPT | (CTES if one.kind == "part" else set())  # a part may speak of what it is put into
    assert relations(one) - known == set()
    written = {name for name in one.writes if name in KEPT}
    assert relations(one) & KEPT <= {*one.reads, *written}
    assert set(one.reads) <= KEPT


def test_a_shape_has_one_set_of_columns() -> None:
    shapes: dict[str, tuple[str, ...]] = {}
    for one in EVERY:
        if one.kind == "makes":
            assert shapes.setdefault(one.shape, one.columns) == one.columns, f"{one.name} makes another {one.shape}"


def test_what_is_taken_is_made_or_attached_by_somebody() -> None:
    """Attached tables are Arrow tables, named where Python hands them over."""
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("store", "coordinator")
        for path in (FOLDER.parents[1] / folder).rglob("*.py")
    )
    made = {one.shape for one in EVERY if one.kind in ("makes", "part")} | set(
        re.findall(r"(?:\.attach|\.place|TemporaryTable)\(\s*\"([a-z_]+)\"", code)
    )
    assert {shape for one in EVERY for shape in one.takes.values()} - made == {"any"}


def test_a_temporary_table_has_no_name_that_is_a_cte_elsewhere() -> None:
    made = {one.shape for one in EVERY if one.kind == "makes"}
    shadowed = {
        f"{name} in {one.name}" for one in EVERY for name in _CTE.findall(re.sub(r"--.*", "", one.text)) if name in made
    }
    assert shadowed == set()


# Text and SQL

OUTSIDE = "2020-01-01'; DELETE FROM bar; COMMIT; BEGIN; SELECT 1 --"


def test_text_is_not_put_into_a_statement() -> None:
    with pytest.raises(TypeError, match="takes SQL, a table or a whole number"):
        Sql("SELECT {value}").fill({"value": OUTSIDE})


def test_a_hole_is_filled_and_a_place_has_a_hole() -> None:
    with pytest.raises(LookupError, match="holes left"):
        Sql("SELECT {value}").fill({})
    with pytest.raises(LookupError, match="without a hole"):
        Sql("SELECT 1").fill({"value": 1})


def test_braces_in_filled_text_are_left_alone() -> None:
    assert Sql("SELECT {name}, '{{}}'").fill({"name": identifier("{x}")}) == "SELECT \"{x}\", '{}'"


def test_names_and_texts_are_quoted_whatever_they_hold() -> None:
    assert identifier('a"; DROP TABLE bar --') == '"a""; DROP TABLE bar --"'
    assert literal(OUTSIDE) == "'2020-01-01''; DELETE FROM bar; COMMIT; BEGIN; SELECT 1 --'"


def test_only_sql_is_joined_to_sql() -> None:
    assert joined(Sql(", "), [identifier("a"), identifier("b")]) == '"a", "b"'
    with pytest.raises(TypeError):
        joined(Sql(", "), ["a", identifier("b")])


def test_parameters_are_told() -> None:
    assert parameters_of("SELECT $start::DATE, $end") == {"start", "end"}


@pytest.mark.parametrize(
    "text",
    [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SELECT 1; COMMIT",
        "COMMIT; DELETE FROM symbol; BEGIN; SELECT 1",
    ],
)
def test_a_transaction_that_reads_does_not_end(text: str) -> None:
    with (
        open_store(":memory:") as store,
        store.reading() as transaction,
        pytest.raises(TypeError, match="ends by itself"),
    ):
        transaction.execute(Sql(text))


@pytest.mark.parametrize("text", ["", "SELECT 1; SELECT 2"])
def test_a_transaction_that_reads_runs_one_statement_at_a_time(text: str) -> None:
    with (
        open_store(":memory:") as store,
        store.reading() as transaction,
        pytest.raises(TypeError, match="one statement at a time"),
    ):
        transaction.execute(text)


@pytest.mark.parametrize("end", ["COMMIT", "END", "SELECT 1; COMMIT; BEGIN", "ROLLBACK", "ABORT; BEGIN"])
def test_sql_of_ones_own_does_not_end_a_transaction(end: str) -> None:
    """What came before would be kept though the rest fails, or be gone though it goes on."""
    with open_store(":memory:") as store:
        with pytest.raises(TypeError, match="ends by itself"), store.transaction() as transaction:
            transaction.execute("CREATE TABLE mine (x INTEGER); INSERT INTO mine VALUES (1)")
            transaction.execute(end)
        with store.transaction() as transaction:
            transaction.execute("CREATE TABLE mine (x INTEGER)")


@pytest.mark.parametrize("text", ["DELETE FROM symbol", "CREATE TABLE other (x INTEGER)", "DROP VIEW bars"])
def test_a_transaction_that_reads_does_not_write(text: str) -> None:
    with open_store(":memory:") as store:
        before = store.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal")
        with pytest.raises(Exception, match="read-only mode"), store.reading() as transaction:
            transaction.execute(Sql(text))
        assert store.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal") == before


def test_a_transaction_that_reads_may_make_temporary_tables() -> None:
    with open_store(":memory:") as store, store.reading() as transaction:
        transaction.execute(Sql("CREATE TEMP TABLE seen AS SELECT 1 AS x"))
        assert transaction.execute(Sql("FROM seen"))[0].x == 1


def test_a_table_of_another_shape_is_refused() -> None:
    one = parse("-- name: asked\n-- What is asked.\n-- gives: x\n-- takes: bars: new_bars\nSELECT x FROM {bars};\n")
    assert one["asked"].takes == {"bars": "new_bars"}
    with open_store(":memory:") as store, store.transaction() as transaction:
        import pyarrow as pa

        other = transaction.attach("other_bars", pa.table({"x": [1]}))
        with pytest.raises(TypeError, match="takes a table of shape"):
            sql("checks.checked_lengths", checked_intervals=other)


def test_a_statement_has_one_kind() -> None:
    with pytest.raises(LookupError, match="one kind"):
        parse("-- name: both\n-- Both.\n-- gives: x\n-- writes: bar\nSELECT 1;\n")


def test_names_are_unique() -> None:
    with pytest.raises(LookupError, match="two statements"):
        parse(
            "-- name: one\n-- One.\n-- gives: x\nSELECT 1 AS x;\n-- name: one\n-- One.\n-- gives: x\nSELECT 1 AS x;\n"
        )
