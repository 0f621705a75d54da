-- Verifying: everything that is kept computed again from the base bars and the calendar, by other ways than the ones
-- that wrote it: an ordered pass over the bars (passage.sql says what it reads), and statements for what is not bars.
-- Each check gives what is wrong: (interval_id, at, stored, expected).

-- name: bar_extent
-- Of each interval how many bars there are, those among them that are verified, the first session and the last end, and
-- whether they know anything of their trades.
-- makes: bar_extent(interval_id, bar_count, reached_count, first_bar, last_bar, first_date, last_end, knows_trades)
-- reads: bar
CREATE OR REPLACE TEMP TABLE {bar_extent} AS
SELECT b.interval_id, count(*) AS bar_count, {reached} AS reached_count,
       min(b.bar_start) AS first_bar, max(b.bar_start) AS last_bar,
       min(b.session_date) AS first_date, max(later(b.bar_start, b.span_seconds)) AS last_end,
       count(b.trade_count) > 0 OR count(b.vwap) > 0 AS knows_trades
FROM bar AS b GROUP BY b.interval_id;

-- name: reached_all
-- All bars.
-- part: expression
count(*)

-- name: reached_some
-- Those of some sessions.
-- part: expression
count(*) FILTER ({within_reach})

-- name: checked_intervals
-- The intervals to check; waiting says that base bars wait to be derived again below what is derived.
-- makes: checked_intervals(interval_id, symbol_id, symbol, calendar, interval, unit, length, derived, base, base_id,
--    base_unit, base_length, closing_seconds, complete_through, derived_through, next_close, through, kind,
--    retained_from, final_before, account_from, first_session, base_first, quality_pct, waiting, first_date)
-- takes: bar_extent
-- reads: definition, invalidation, session_coverage
CREATE OR REPLACE TEMP TABLE {checked_intervals} AS
WITH first_covered AS (
    SELECT interval_id, min(session_date) AS first_date FROM session_coverage GROUP BY interval_id
),
wanted AS (
    SELECT d.*, EXISTS (SELECT 1 FROM invalidation AS i WHERE d.derived AND i.interval_id = d.base_id) AS waiting
    FROM definition AS d
    WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol))
      AND ($intervals IS NULL OR list_contains($intervals::VARCHAR[], d.interval))
)
SELECT w.*, coalesce(w.account_from, CASE WHEN w.waiting THEN c.first_date ELSE b.first_date END) AS first_date
FROM wanted AS w
LEFT JOIN {bar_extent} AS b ON b.interval_id = w.base_id
LEFT JOIN first_covered AS c ON c.interval_id = w.interval_id;

-- name: read_whole
-- All values of a table, so that each of its blocks is read and held against its checksum.
-- gives: row_count, checksum
SELECT count(*) AS row_count, bit_xor(hash(t)) AS checksum FROM {table} AS t;

-- name: checked_lengths
-- Which lengths of 1d and more are derived, and of what.
-- gives: base_unit, base_length, unit, length
-- takes: checked_intervals
SELECT DISTINCT base_unit, base_length, unit, length FROM {checked_intervals}
WHERE derived AND unit <> 'second' ORDER BY ALL;

-- name: longest_block
-- How many days the longest block of sessions reaches to, about.
-- gives: day_count
-- reads: definition
SELECT coalesce(max((length + 1) * CASE split_part(unit, '@', 1) WHEN 'second' THEN 0 WHEN 'month' THEN 31 ELSE 7 END), 0)::BIGINT
           AS day_count
FROM definition
WHERE $intervals IS NULL OR list_contains($intervals::VARCHAR[], interval);

-- name: scope_counts
-- What there is to check: symbols and intervals.
-- gives: symbol_count, interval_count
-- takes: checked_intervals
SELECT count(DISTINCT symbol) AS symbol_count, count(*) AS interval_count FROM {checked_intervals};

-- name: within_bars
-- Bars of the sessions that are checked: $start <= session_date < $end, each where it is given.
-- part: condition
($start::DATE IS NULL OR b.session_date >= $start::DATE) AND ($end::DATE IS NULL OR b.session_date < $end::DATE)

-- name: within_sessions
-- The sessions that are checked: $start <= session_date < $end, each where it is given.
-- part: condition
($start::DATE IS NULL OR s.session_date >= $start::DATE) AND ($end::DATE IS NULL OR s.session_date < $end::DATE)

-- name: first_of_check
-- What a check found, with names, the first of it. The total is no window: on DuckDB 1.5 one over no rows fails now and
-- then when there are several threads.
-- gives: symbol, interval, at, stored, expected, total
-- reads: interval_definition, symbol
WITH every AS MATERIALIZED ({check})
SELECT d.symbol, d.interval, f.at, f.stored, f.expected, (SELECT count(*) FROM every) AS total
FROM every AS f
LEFT JOIN (SELECT i.interval_id, i.interval, s.symbol FROM interval_definition AS i JOIN symbol AS s USING (symbol_id)) AS d
       ON d.interval_id = f.interval_id
ORDER BY d.symbol NULLS FIRST, f.at, d.interval
LIMIT $shown;

-- name: shadowing
-- Macros of the store that take the place of functions of DuckDB's.
-- gives: name
SELECT DISTINCT m.function_name AS name
FROM system.main.duckdb_functions() AS m
SEMI JOIN (SELECT function_name FROM system.main.duckdb_functions() WHERE internal) AS own
       ON system.main.lower(own.function_name) = system.main.lower(m.function_name)
WHERE NOT m.internal
ORDER BY ALL;
