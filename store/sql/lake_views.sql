-- The views of a lake, in the order they are made: those of a store, of all shards together.

-- view: bars
-- Every bar that the shards hold as published, base and derived.
CREATE VIEW bars AS
SELECT symbol, interval, bar_start, bar_end, session_date, open, high, low, close, volume, trade_count, vwap, base_count,
       expected_count, complete, batch_id
FROM bar;

-- view: revisions
-- The values that were overwritten or deleted, when they were written, and when and by what they went.
CREATE VIEW revisions AS
SELECT symbol, interval, bar_start, bar_end, session_date, open, high, low, close, volume, trade_count, vwap, base_count,
       expected_count, batch_id, written_at, replaced_by, replaced_at, replaced_kind
FROM revision;

-- view: coverage
-- How many bars each session should have and has, within the range of its symbol.
CREATE VIEW coverage AS
SELECT symbol, interval, session_date, expected_count, present_count, quality_pct FROM session_coverage;

-- view: gaps
-- Every maximal run of expected bars that are missing, and what it is.
CREATE VIEW gaps AS
SELECT symbol, interval, session_date, gap_start, gap_end, missing_count, kind FROM gap;

-- view: intervals
-- Every interval of every active symbol: what it is, what it holds, how far it has come, and how good it is.
CREATE VIEW intervals AS
SELECT symbol, interval, derived, base, calendar, first_bar, last_bar, bar_count, complete_through, derived_through,
       needs_processing, quality_pct, gap_count, updated
FROM interval_state;

-- view: batches
-- Every committed write; batches are counted by shard.
CREATE VIEW batches AS
SELECT shard, batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted, vendor,
       reverts
FROM batch;

-- view: rejected
-- Every row that a load did not take, as it was given, and why.
CREATE VIEW rejected AS
SELECT shard, batch_id, source, committed_at, file_row, given, reason FROM rejected_row;

-- view: runs
-- Every run of a coordinator in a shard's store, as far as it was when the shard was published.
CREATE VIEW runs AS
SELECT shard, run_id, mode, name, state, cursor, pid, started_at, updated_at, ended_at, error FROM run;

-- view: retention
-- The intervals whose oldest bars are gone or final.
CREATE VIEW retention AS
SELECT symbol, interval, retained_from, final_before, purged_before, purged_at FROM retained;

-- view: revision_retention
-- One row: since when all shards keep all revisions (null: since ever), and when older ones were purged last.
CREATE VIEW revision_retention AS
SELECT max(kept_from) AS kept_from, max(purged_at) AS purged_at FROM kept_revisions;

-- view: shards
-- The shards: the symbols each holds, and the store's file that was published last.
CREATE VIEW shards AS
SELECT s.shard, s.first_symbol, s.end_symbol, g.generation, g.file, g.size_bytes, g.batch_id, g.bar_count,
       g.revision_count, g.published_at
FROM shard AS s
LEFT JOIN (FROM generation QUALIFY row_number() OVER (PARTITION BY shard ORDER BY generation DESC) = 1) AS g USING (shard);

-- macro: zoned
-- An instant as it was given: a TIMESTAMPTZ, or text that says its zone as UTC, GMT, Z, an offset or an IANA name.
CREATE MACRO zoned(given_) AS
    CASE WHEN typeof(given_) = 'TIMESTAMP WITH TIME ZONE' THEN given_::TIMESTAMPTZ
         WHEN typeof(given_) = 'VARCHAR'
              AND regexp_matches(given_::VARCHAR, ':[0-9.]+ ?((?i:Z|UTC|GMT|[A-Z_]+/[A-Z0-9_/+-]+)|[+-][0-9]{2}(:?[0-9]{2}){0,2})$')
         THEN given_::TIMESTAMPTZ
         ELSE error('an instant with its zone is needed, such as TIMESTAMPTZ ''2024-11-29 14:30:00+00'', not '
                    || coalesce(given_::VARCHAR, 'NULL')) END;

-- macro: bars_as_of
-- bars as the shards' stores knew them at an instant of their own clocks: a TIMESTAMPTZ, or text with its zone; an error
-- for an instant before history is kept.
CREATE MACRO bars_as_of(moment_) AS TABLE
WITH asked AS (
    SELECT CASE WHEN zoned(moment_) < h.kept_from
                THEN error('history is kept from ' || h.kept_from || ' on; ask for that instant or a later one')
                ELSE zoned(moment_) END AS instant_
    FROM revision_retention AS h
)
SELECT b.symbol, b.interval, b.bar_start, b.bar_end, b.session_date, b.open, b.high, b.low, b.close, b.volume,
       b.trade_count, b.vwap, b.base_count, b.expected_count, b.complete, b.batch_id
FROM bar AS b, asked
WHERE b.written_at <= asked.instant_
UNION ALL
SELECT r.symbol, r.interval, r.bar_start, r.bar_end, r.session_date, r.open, r.high, r.low, r.close, r.volume,
       r.trade_count, r.vwap, r.base_count, r.expected_count,
       CASE WHEN r.expected_count > 0 THEN r.base_count = r.expected_count END AS complete, r.batch_id
FROM revision AS r, asked
WHERE r.written_at <= asked.instant_ AND r.replaced_at > asked.instant_;
