"""What files of any vendor need: see each step."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

from barhouse.migrations.view_changes import change_views
from barhouse.store.calendars.definition import CalendarDefinition
from barhouse.store.calendars.week import FIRST_MONDAY, week_origin

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

log = logging.getLogger("barhouse.store")

#: True has the file copied aside before this migration runs.
changes_data = True


def upgrade() -> None:
    _add_vendors()
    _add_followed()
    _add_weeks()
    _add_corrections()
    _add_calendars_of_symbols()
    _add_store_options()
    _compose_symbols()
    change_views("0004", "0005")


def downgrade() -> None:
    change_views("0005", "0004")
    op.drop_table("store_option")
    op.drop_table("symbol_calendar")
    op.drop_table("calendar_correction")
    _drop_weeks()
    _drop_followed()
    _drop_vendors()


_KINDS = ("load", "process", "delete", "remove", "calendar", "repair", "retention")
_COUNTS = ("inserted", "revised", "unchanged", "rejected", "deleted")
_BATCH = ("batch_id", "kind", "source", "started_at", "committed_at", *_COUNTS)


def _add_vendors() -> None:
    """Batches say whose bars they loaded, and may undo others; vendors have a priority, and offer other bars."""
    more = [sa.Column("vendor", sa.String(), nullable=True), sa.Column("reverts", sa.BigInteger(), nullable=True)]
    _make_batch_anew((*_KINDS, "revert"), more, "kind")
    op.create_table(
        "vendor",
        sa.Column("vendor", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("vendor"),
    )
    op.create_table(
        "bar_vendor",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("vendor", sa.String(), nullable=True),
    )
    op.create_table(
        "offered_bar",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("bar_start", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("open", "high", "low", "close", "volume")),
        sa.Column("trade_count", sa.BigInteger(), nullable=True),
        sa.Column("vwap", sa.Double(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
    )


def _drop_vendors() -> None:
    # Without a kind of its own, an undo is what mends a store.
    for table in ("offered_bar", "bar_vendor", "vendor"):
        op.drop_table(table)
    _make_batch_anew(_KINDS, [], "CASE kind WHEN 'revert' THEN 'repair' ELSE kind END")


def _make_batch_anew(kinds: tuple[str, ...], more: Sequence[sa.Column[Any]], kind: str) -> None:
    """Make the table of batches anew, and those that refer to it: no check of a table that is there can be changed."""
    for table in ("batch", "rejected_bar", "history_start"):
        op.execute(f"CREATE OR REPLACE TEMP TABLE kept_{table} AS FROM {table}")
    for table in ("rejected_bar", "history_start", "batch"):
        op.drop_table(table)
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("started_at", "committed_at")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        *more,
        sa.CheckConstraint("kind in ({})".format(", ".join(f"'{name}'" for name in kinds))),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_table(
        "history_start",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("kept_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"]),
    )
    op.create_table(
        "rejected_bar",
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("file_row", sa.BigInteger(), nullable=True),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"]),
    )
    columns = ", ".join(_BATCH)
    values = columns.replace("kind", kind, 1)
    op.execute(f"INSERT INTO batch ({columns}) SELECT {values} FROM kept_batch ORDER BY batch_id")
    for table in ("rejected_bar", "history_start"):
        op.execute(f"INSERT INTO {table} BY NAME FROM kept_{table}")
    for table in ("batch", "rejected_bar", "history_start"):
        op.execute(f"DROP TABLE temp.kept_{table}")


def _add_followed() -> None:
    """Which symbols' trades are followed, and from when."""
    op.create_table(
        "followed_symbol",
        sa.Column("interval_id", sa.Integer(), nullable=False),
        sa.Column("followed_from", sa.DateTime(timezone=True), nullable=False),
    )


def _drop_followed() -> None:
    # Older versions know no bars that lack trades; `repair` of theirs counts anew what these are part of.
    op.execute(
        """
        UPDATE bar SET base_count = CASE WHEN session_date IS NOT NULL AND expected_count = 0 THEN 0 ELSE 1 END
        WHERE interval_id IN (SELECT interval_id FROM interval_definition WHERE NOT derived)
          AND base_count < CASE WHEN session_date IS NOT NULL AND expected_count = 0 THEN 0 ELSE 1 END
    """
    )
    op.drop_table("followed_symbol")


# ------------------------------------------------------------------------------------------ weeks of calendars

# Bars of weeks on a calendar, and whatever is derived from weeks, in intervals that are derived.
_WEEKS = """
    SELECT d.interval_id FROM interval_definition AS d JOIN symbol AS s USING (symbol_id)
    WHERE s.removed_at IS NULL AND d.derived AND d.unit = 'week' AND s.calendar = :calendar
"""
# Loaded weeks would have to be placed anew, and final bars cannot be derived again: such weeks stay until the calendar
# is refreshed (or defined again), which says what stands in the way.
_HINDERED = """
    SELECT count(*) FROM interval_definition AS d JOIN symbol AS s USING (symbol_id)
    WHERE s.removed_at IS NULL AND s.calendar = :calendar
      AND ((d.unit = 'week' AND NOT d.derived) OR d.retained_from IS NOT NULL)
"""
_BAR = (
    "interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, trade_count, vwap, "
    "base_count, expected_count, batch_id"
)
_NEW_BATCH = """
    INSERT INTO batch (batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted)
    SELECT max(batch_id) + 1, 'calendar', :calendar, greatest(now(), max(committed_at) + INTERVAL 1 MICROSECOND),
           greatest(now(), max(committed_at) + INTERVAL 1 MICROSECOND), 0, 0, 0, 0, :deleted
    FROM batch
"""


def _add_weeks() -> None:
    """Weeks of calendars that trade on Sundays start after their weekend; what is derived of them is derived again."""
    op.create_table(
        "calendar_week",
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("origin", sa.Date(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by", sa.BigInteger()),
    )
    connection = op.get_bind()
    for calendar, definition in connection.execute(sa.text("SELECT calendar, definition FROM trading_calendar")).all():
        named = {"calendar": calendar}
        origin = _origin(calendar, definition)
        if origin == FIRST_MONDAY or connection.execute(sa.text(_HINDERED), named).scalar():
            continue
        count = f"SELECT count(*) FROM bar WHERE interval_id IN ({_WEEKS})"
        connection.execute(
            sa.text(_NEW_BATCH), {**named, "deleted": connection.execute(sa.text(count), named).scalar()}
        )
        batch = {**named, "batch_id": connection.execute(sa.text("SELECT max(batch_id) FROM batch")).scalar()}
        connection.execute(
            sa.text("INSERT INTO calendar_week VALUES (:calendar, :origin, :batch_id, NULL)"),
            {**batch, "origin": origin},
        )
        connection.execute(
            sa.text(
                f"INSERT INTO bar_revision ({_BAR}, replaced_by) SELECT {_BAR}, :batch_id FROM bar"
                f" WHERE interval_id IN ({_WEEKS}) ORDER BY interval_id, bar_start"
            ),
            batch,
        )
        for table in ("bar", "session_coverage", "gap"):
            connection.execute(sa.text(f"DELETE FROM {table} WHERE interval_id IN ({_WEEKS})"), named)
        connection.execute(
            sa.text(
                "UPDATE interval_definition SET derived_through = NULL, next_close = NULL, first_session = NULL,"
                " expected_count = NULL, present_count = NULL, quality_pct = NULL"
                f" WHERE interval_id IN ({_WEEKS})"
            ),
            named,
        )


def _origin(calendar: str, definition: str | None) -> date:
    if definition is not None:
        return CalendarDefinition.from_json(definition).week_origin()
    days = op.get_bind().execute(
        sa.text("SELECT DISTINCT session_date FROM trading_session WHERE calendar = :calendar AND replaced_by IS NULL"),
        {"calendar": calendar},
    )
    return week_origin(day for (day,) in days)


def _drop_weeks() -> None:
    # Bars of weeks that start on another day than Monday are told by `verify` of the older version, and mended by `repair`.
    op.drop_table("calendar_week")


def _add_corrections() -> None:
    """Sessions of a calendar that are otherwise than it says."""
    op.create_table(
        "calendar_correction",
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("session_date", sa.Date(), nullable=False),
        sa.Column("hours", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("calendar", "session_date"),
    )


def _add_calendars_of_symbols() -> None:
    """Which calendars symbols followed before."""
    op.create_table(
        "symbol_calendar",
        sa.Column("symbol_id", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.String(), nullable=False),
        sa.Column("replaced_by", sa.BigInteger(), nullable=False),
    )


def _add_store_options() -> None:
    op.create_table(
        "store_option",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _compose_symbols() -> None:
    """Symbols are read in composed letters from here on: those kept otherwise could not be named any more."""
    rows = op.get_bind().execute(sa.text("SELECT symbol_id, symbol, removed_at IS NULL FROM symbol")).all()
    taken = {name for _, name, active in rows if active}
    for number, name, active in rows:
        composed = free = normalize("NFC", name)
        if composed == name:
            continue
        while active and free in taken:  # two that look alike: which bars are right nobody can tell here
            free += "_DECOMPOSED"
        if active:
            taken.add(free)
            if free != composed:
                log.warning("the symbol %s was there in composed letters and in others; that is %s now", composed, free)
        op.get_bind().execute(
            sa.text("UPDATE symbol SET symbol = :name WHERE symbol_id = :number"), {"name": free, "number": number}
        )
