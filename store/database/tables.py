"""The tables of a store, as SQLAlchemy metadata: what Alembic compares a file with.

``bar``, ``bar_revision``, ``corporate_action`` and its revisions, ``invalidation``, ``session_coverage`` and ``gap``
grow with the data. They carry no key and no index: a primary key makes loading three to four times slower. Each is kept
unique by the one write path, and ``verify`` proves it. Every instant is TIMESTAMP WITH TIME ZONE and means UTC; every
range is half-open.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table

from barhouse.store.database.dialect import DoubleList, TinyInt

metadata = sa.MetaData()

_Instant = sa.DateTime(timezone=True)


# base_count: 1 for a base bar, 0 for a closing bar, each one less where not all of its trades were seen; of a derived
# bar the sum over its base bars.
def _bar_columns() -> list[Column[object]]:
    return [
        Column("interval_id", sa.Integer, nullable=False),
        Column("bar_start", _Instant, nullable=False),
        Column("span_seconds", sa.BigInteger, nullable=False),  # bar_end = bar_start + span_seconds
        Column("session_date", sa.Date),  # null: an outside bar
        Column("segment", TinyInt),  # null: an outside bar
        Column("open", sa.Double, nullable=False),
        Column("high", sa.Double, nullable=False),
        Column("low", sa.Double, nullable=False),
        Column("close", sa.Double, nullable=False),
        Column("volume", sa.Double, nullable=False),
        Column("trade_count", sa.BigInteger),
        Column("vwap", sa.Double),
        Column("base_count", sa.Integer, nullable=False),  # base bars inside that are whole, see below
        Column("expected_count", sa.Integer, nullable=False),  # base bars there is room for; 0 outside sessions
        Column("batch_id", sa.BigInteger, nullable=False),  # the batch that wrote these values
    ]


batch = Table(
    "batch",
    metadata,
    Column("batch_id", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("kind", sa.String, nullable=False),
    Column("source", sa.String),
    Column("started_at", _Instant, nullable=False),
    Column("committed_at", _Instant, nullable=False),  # strictly increasing, whatever the machine's clock does
    Column("inserted", sa.BigInteger, nullable=False),
    Column("revised", sa.BigInteger, nullable=False),
    Column("unchanged", sa.BigInteger, nullable=False),
    Column("rejected", sa.BigInteger, nullable=False),
    Column("deleted", sa.BigInteger, nullable=False),
    Column("vendor", sa.String),  # whose bars a load brought; null: nobody was named, or it is no load
    Column("reverts", sa.BigInteger),  # the batch that it undid; null: it is no revert
    CheckConstraint(
        "kind in ('load', 'process', 'delete', 'remove', 'calendar', 'repair', 'retention', 'revert', 'name')"
    ),
)

trading_calendar = Table(
    "trading_calendar",
    metadata,
    Column("calendar", sa.String, primary_key=True),
    Column("definition", sa.String),  # JSON of a user's own calendar; null: an exchange's
    Column("known_from", sa.Date, nullable=False),  # every session from this date
    Column("known_through", sa.Date, nullable=False),  # to this date, inclusive, is in trading_session
)

# A table of its own: DuckDB drops no column of a table that others refer to. No row: an exchange that was no longer
# known when it was asked for.
calendar_timezone = Table(
    "calendar_timezone",
    metadata,
    Column("calendar", sa.String, primary_key=True),
    Column("timezone", sa.String, nullable=False),  # IANA name of the zone its wall clock is in
)

# No row that is current: weeks count from Monday 1970-01-05.
calendar_week = Table(
    "calendar_week",
    metadata,
    Column("calendar", sa.String, nullable=False),
    Column("origin", sa.Date, nullable=False),  # the first day of the week that holds 1970-01-05
    Column("batch_id", sa.BigInteger, nullable=False),
    Column("replaced_by", sa.BigInteger),  # null: current
)

# What is said of single sessions beyond what the calendar says: that there is none, or its hours.
calendar_correction = Table(
    "calendar_correction",
    metadata,
    Column("calendar", sa.String, primary_key=True),
    Column("session_date", sa.Date, primary_key=True),
    Column("hours", sa.String),  # JSON: open, close, break; null: no session
    Column("reason", sa.String),  # why, or who says so
)

trading_session = Table(
    "trading_session",
    metadata,
    Column("calendar", sa.String, ForeignKey("trading_calendar.calendar"), nullable=False),
    Column("session_date", sa.Date, nullable=False),
    Column("ordinal", sa.Integer, nullable=False),  # sessions since the first on or after 2000-01-01
    Column("segment", TinyInt, nullable=False),  # counted from 0
    Column("segment_open", _Instant, nullable=False),
    Column("segment_close", _Instant, nullable=False),
    Column("batch_id", sa.BigInteger, nullable=False),
    Column("replaced_by", sa.BigInteger),  # null: current
    CheckConstraint("segment_open < segment_close"),
)

symbol = Table(
    "symbol",
    metadata,
    Column("symbol_id", sa.Integer, primary_key=True, autoincrement=False),
    Column("symbol", sa.String, nullable=False),
    Column("calendar", sa.String, ForeignKey("trading_calendar.calendar"), nullable=False),
    Column("closing_bar", sa.String, nullable=False),
    Column("added_by", sa.String, nullable=False),
    Column("registered_at", _Instant, nullable=False),
    Column("removed_at", _Instant),
    CheckConstraint("closing_bar in ('outside', 'include')"),
)
Index("symbol_active", symbol.c.symbol, sa.text("coalesce(epoch_us(removed_at), 9223372036854775807)"), unique=True)

# Calendars that symbols followed before the one they follow now.
symbol_calendar = Table(
    "symbol_calendar",
    metadata,
    Column("symbol_id", sa.Integer, nullable=False),
    Column("calendar", sa.String, nullable=False),
    Column("replaced_by", sa.BigInteger, nullable=False),  # the first batch that it was followed no more with
)

# What symbols are called, beside their name of today in symbol: the names that they had, with that of today once there
# was another; and names that sources may call them by. A symbol that was never renamed and has no alias has no row. The
# name that a symbol had at first is there from batch 0 on, which is before every batch.
symbol_name = Table(
    "symbol_name",
    metadata,
    Column("symbol_id", sa.Integer, nullable=False),
    Column("name", sa.String, nullable=False),
    Column("is_alias", sa.Boolean, nullable=False),
    Column("vendor", sa.String),  # whose alias it is; null: everybody's, or a name
    Column("valid_from", sa.Date),  # the first session that it is valid for; null: since ever
    Column("valid_to", sa.Date),  # the first that it is not; null: valid on
    Column("batch_id", sa.BigInteger, nullable=False),
    Column("replaced_by", sa.BigInteger),  # null: current
    CheckConstraint("valid_from < valid_to"),
    CheckConstraint("is_alias or vendor is null"),
)

# What was said when the store was made, and differs from what is usual.
store_option = Table(
    "store_option",
    metadata,
    Column("name", sa.String, primary_key=True),
    Column("value", sa.String, nullable=False),
)

# No foreign key to symbol: removed_at is indexed, DuckDB carries out its update as delete and insert, and would
# refuse it for as long as a definition refers to the row.
interval_definition = Table(
    "interval_definition",
    metadata,
    Column("interval_id", sa.Integer, primary_key=True, autoincrement=False),
    Column("symbol_id", sa.Integer, nullable=False),
    Column("interval", sa.String, nullable=False),
    Column("unit", sa.String, nullable=False),  # with an anchor: from where it counts, as week@sun
    Column("length", sa.Integer, nullable=False),  # how many of the unit
    Column("derived", sa.Boolean, nullable=False),
    Column("base", sa.String),  # the interval it is derived from; null: loaded or streamed
    Column("complete_through", _Instant),  # base intervals only
    Column("derived_through", _Instant),  # derived intervals only
    Column("retained_from", _Instant),  # no bar before it is kept; null: all are
    Column("retained_date", sa.Date),  # the first session from there on
    Column("purged_before", _Instant),  # bars before it went without a revision ...
    Column("purged_by", sa.BigInteger),  # ... the last of them with this batch
    Column("quality_pct", sa.Double),
    # Derived intervals: no bucket after derived_through closes before it, by event time or the clock; null: not known.
    Column("next_close", _Instant),
    # What session_coverage comes to: its first session, and the sums of its counts; null: it has no rows yet.
    Column("first_session", sa.Date),
    Column("expected_count", sa.BigInteger),
    Column("present_count", sa.BigInteger),
    # How many bars there are, and where the first and the last of them start; null: none.
    Column("bar_count", sa.BigInteger),
    Column("first_bar", _Instant),
    Column("last_bar", _Instant),
    CheckConstraint("regexp_full_match(unit, 'second|(day|week|month)(@[a-z]+)?')"),
    CheckConstraint("length > 0"),
    CheckConstraint("derived = (base is not null)"),
)
Index("interval_definition_named", interval_definition.c.symbol_id, interval_definition.c.interval, unique=True)

bar = Table("bar", metadata, *_bar_columns())
# DuckDB tries every compression on every column it writes. Runs of one value, and whole numbers that go up, need no
# trying, which is a sixth of the cost of loading; prices and volumes do, for these differ from source to source.
for _name in ("interval_id", "bar_start"):
    bar.c[_name].info["compression"] = "bitpacking"
for _name in ("span_seconds", "session_date", "segment", "base_count", "expected_count", "batch_id"):
    bar.c[_name].info["compression"] = "rle"

bar_revision = Table(
    "bar_revision",
    metadata,
    *_bar_columns(),
    Column("replaced_by", sa.BigInteger, nullable=False),  # the batch that overwrote or deleted these values
)


# ratio: of a split the new shares for an old one, of a stock dividend the new shares beside an old one; amount: of a
# dividend in cash, what is paid for a share as it is before the ex-date.
def _action_columns() -> list[Column[object]]:
    return [
        Column("symbol_id", sa.Integer, nullable=False),
        Column("ex_date", sa.Date, nullable=False),
        Column("kind", sa.String, nullable=False),
        Column("ratio", sa.Double),  # null: a dividend in cash
        Column("amount", sa.Double),  # null: a split, or a dividend in shares
        Column("currency", sa.String),  # of the amount; null: not said
        Column("batch_id", sa.BigInteger, nullable=False),  # the batch that wrote these values
    ]


corporate_action = Table("corporate_action", metadata, *_action_columns())

corporate_action_revision = Table(
    "corporate_action_revision",
    metadata,
    *_action_columns(),
    Column("replaced_by", sa.BigInteger, nullable=False),  # the batch that overwrote or deleted these values
)

vendor = Table(
    "vendor",
    metadata,
    Column("vendor", sa.String, primary_key=True),
    Column("priority", sa.Integer, nullable=False),  # the greater one's bars stay; nobody named has 0
)

# Whose the values of a bar or revision are, where they are not those of its batch's vendor: a vendor of higher priority
# said the same, or the batch is no load (an undo, a changed calendar, a repair).
bar_vendor = Table(
    "bar_vendor",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),
    Column("bar_start", _Instant, nullable=False),
    Column("batch_id", sa.BigInteger, nullable=False),  # the batch that wrote the values
    Column("vendor", sa.String),  # null: nobody was named
)

# The last that a vendor offered for a bar and that was not taken, for a vendor of higher priority says otherwise.
offered_bar = Table(
    "offered_bar",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),
    Column("bar_start", _Instant, nullable=False),
    Column("open", sa.Double, nullable=False),
    Column("high", sa.Double, nullable=False),
    Column("low", sa.Double, nullable=False),
    Column("close", sa.Double, nullable=False),
    Column("volume", sa.Double, nullable=False),
    Column("trade_count", sa.BigInteger),
    Column("vwap", sa.Double),
    Column("batch_id", sa.BigInteger, nullable=False),  # the load that offered it
)

# Numbers of bars beyond those that every bar has, by the names they are shown under.
declared_column = Table(
    "declared_column",
    metadata,
    Column("number", sa.Integer, primary_key=True, autoincrement=False),  # its place in bar_values.declared, from 1
    Column("name", sa.String, nullable=False),
    Column("aggregate", sa.String, nullable=False),
    Column("of_all", sa.Boolean, nullable=False),  # whether every symbol has it, those to come too
    Column("declared_at", _Instant, nullable=False),
    CheckConstraint("aggregate in ('sum', 'mean', 'min', 'max', 'first', 'last')"),
)

# Which symbols have a column that not all have.
column_symbol = Table(
    "column_symbol",
    metadata,
    Column("number", sa.Integer, nullable=False),
    Column("symbol_id", sa.Integer, nullable=False),
)

# The values of declared columns, of a bar or an old value of one, which is known by the batch that wrote it. Without a
# row there are none; a list ends with a value that is there.
bar_values = Table(
    "bar_values",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),
    Column("bar_start", _Instant, nullable=False),
    Column("batch_id", sa.BigInteger, nullable=False),
    Column("declared", DoubleList, nullable=False),
)

invalidation = Table(
    "invalidation",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),  # of the base
    Column("session_date", sa.Date, nullable=False),
    Column("range_start", _Instant, nullable=False),
    Column("range_end", _Instant, nullable=False),
    Column("batch_id", sa.BigInteger, nullable=False),
)

session_coverage = Table(
    "session_coverage",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),
    Column("session_date", sa.Date, nullable=False),
    Column("expected_count", sa.Integer, nullable=False),
    Column("present_count", sa.Integer, nullable=False),
)

gap = Table(
    "gap",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),
    Column("session_date", sa.Date, nullable=False),
    Column("segment", TinyInt, nullable=False),
    Column("gap_start", _Instant, nullable=False),
    Column("gap_end", _Instant, nullable=False),
    Column("missing_count", sa.Integer, nullable=False),
    Column("incomplete_count", sa.Integer, nullable=False),  # of those missing, how many are there but lack base bars
)

# What retention took from history, or was accepted as lost, by whose it was: with it, bars and revisions account for
# every batch.
purge = Table(
    "purge",
    metadata,
    Column("batch_id", sa.BigInteger, nullable=False),  # the batch that took it
    Column("of_batch", sa.BigInteger, nullable=False),
    Column("written", sa.BigInteger, nullable=False),  # bars and revisions gone that of_batch wrote
    Column("replaced", sa.BigInteger, nullable=False),  # old values gone, or never kept, that of_batch replaced
)

history_start = Table(
    "history_start",
    metadata,
    Column("batch_id", sa.BigInteger, ForeignKey("batch.batch_id"), nullable=False),
    Column("kept_from", _Instant, nullable=False),  # revisions replaced before it are gone
)

rejected_bar = Table(
    "rejected_bar",
    metadata,
    Column("batch_id", sa.BigInteger, ForeignKey("batch.batch_id"), nullable=False),
    Column("file_row", sa.BigInteger),  # counted from 1, the header aside; null: a line that is no row at all
    Column("given", sa.String, nullable=False),  # the row as given: JSON, or the raw line
    Column("reason", sa.String, nullable=False),
)

source_file = Table(
    "source_file",
    metadata,
    Column("path", sa.String, nullable=False),  # absolute
    Column("size_bytes", sa.BigInteger, nullable=False),
    Column("modified_at", _Instant, nullable=False),
    Column("fingerprint", sa.String, nullable=False),  # of the file's bytes
    Column("request", sa.String, nullable=False),  # JSON: the symbol, the interval and the options it was loaded with
    Column("batch_id", sa.BigInteger, nullable=False),  # the load; of several with one path the newest counts
    Column("outcome", sa.String),  # JSON: its report, where the same file would come to the same again; null: else
    Column("read_with", sa.String),  # what its rows were understood with: programs, clock changes; null: no outcome
)

trade = Table(
    "trade",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),  # of the base interval it is built into
    Column("trade_id", sa.String, nullable=False),  # as the feed names it; one per symbol
    Column("bar_start", _Instant),  # of the base bar it belongs to; null: cancelled before it was known
    Column("traded_at", _Instant),
    Column("sequence", sa.BigInteger, nullable=False),  # order among trades of one instant
    Column("revision", sa.BigInteger, nullable=False),  # 0, counted up by corrections
    Column("price", sa.Double),
    Column("size", sa.Double),
    Column("cancelled", sa.Boolean, nullable=False),
    Column("seen_at", _Instant, nullable=False),  # when it was written last
)

trade_bucket = Table(
    "trade_bucket",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),
    Column("bar_start", _Instant, nullable=False),  # a base bar whose trades changed since it was built
)

followed_symbol = Table(
    "followed_symbol",
    metadata,
    Column("interval_id", sa.Integer, nullable=False),  # of the base interval that its trades are built into
    Column("followed_from", _Instant, nullable=False),  # in the time of the trades
)

session_run = Table(
    "session_run",
    metadata,
    Column("run_id", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("mode", sa.String, nullable=False),
    Column("name", sa.String, nullable=False),
    Column("config", sa.String, nullable=False),  # JSON
    Column("state", sa.String, nullable=False),
    Column("cursor", _Instant),  # how far it has come, in the time of the bars
    Column("position", sa.String),  # JSON: where its sources go on
    Column("pinned_batch", sa.BigInteger),  # the newest batch a backtest may see
    Column("owner", sa.String, nullable=False),  # the opening of the store that carries it out
    Column("pid", sa.BigInteger, nullable=False),
    Column("started_at", _Instant, nullable=False),
    Column("updated_at", _Instant, nullable=False),
    Column("ended_at", _Instant),
    Column("error", sa.String),
    CheckConstraint("mode in ('backtest', 'live', 'nightly')"),
    CheckConstraint("state in ('running', 'stopped', 'done', 'failed', 'crashed', 'closed')"),
)


# A future that goes on: contracts one after the other. through_batch and look_at say how far its rolls follow the bars
# of its contracts: what was written later is looked at again, and when the next session has closed.
continuous_future = Table(
    "continuous_future",
    metadata,
    Column("future_id", sa.Integer, primary_key=True, autoincrement=False),
    Column("symbol", sa.String, nullable=False),
    Column("roll_rule", sa.String, nullable=False),
    Column("sessions_before", sa.Integer),  # of expiry, where the rule counts them
    Column("adjustment", sa.String, nullable=False),
    Column("through_batch", sa.BigInteger, nullable=False),
    Column("look_at", _Instant),  # null: nothing that time alone would bring about
    Column("removed_at", _Instant),
    CheckConstraint("roll_rule in ('volume', 'expiry', 'dates', 'open_interest')"),
    CheckConstraint("adjustment in ('none', 'difference', 'ratio')"),
)

future_contract = Table(
    "future_contract",
    metadata,
    Column("future_id", sa.Integer, nullable=False),
    Column("position", sa.Integer, nullable=False),
    Column("symbol_id", sa.Integer, nullable=False),
    Column("expires", sa.Date),
    Column("roll_date", sa.Date),
)


def _roll_columns() -> list[Column[object]]:
    return [
        Column("future_id", sa.Integer, nullable=False),
        Column("symbol_id", sa.Integer, nullable=False),  # the contract from session_date on
        Column("session_date", sa.Date),  # null: the first, whatever came before the next
        Column("decided_on", sa.Date),  # the session after whose close it is known
        Column("difference", sa.Double),  # of closes, new less old; null: they have no session in common
        Column("ratio", sa.Double),  # of closes, new by old
        Column("batch_id", sa.BigInteger, nullable=False),
    ]


roll = Table("roll", metadata, *_roll_columns())
roll_revision = Table("roll_revision", metadata, *_roll_columns(), Column("replaced_by", sa.BigInteger, nullable=False))
