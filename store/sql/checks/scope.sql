-- Verifying: everything that is kept computed again from the base bars and the calendar, by other ways than the ones
-- that wrote it: each length straight from base, every expected bar one by one. Each check gives the rows that are
-- wrong: (interval_id, at, stored, expected).

-- name: checked_intervals
-- The intervals to check; waiting says that base bars wait to be derived again below what is derived.
-- makes: checked_intervals(interval_id, symbol_id, symbol, calendar, interval, unit, length, derived, base, base_id,
--    base_unit, base_length, closing_seconds, complete_through, derived_through, next_close, through, kind,
--    retained_from, final_before, account_from, first_session, base_first, quality_pct, waiting, first_date)
-- reads: bar, definition, invalidation, session_coverage
CREATE OR REPLACE TEMP TABLE {checked_intervals} AS
WITH first_bar AS (
    SELECT interval_id, min(session_date) AS first_date FROM bar GROUP BY interval_id
),
first_covered AS (
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
LEFT JOIN first_bar AS b ON b.interval_id = w.base_id
LEFT JOIN first_covered AS c ON c.interval_id = w.interval_id;

-- name: read_whole
-- All values of a table, so that each of its blocks is read and held against its checksum.
-- gives: row_count, checksum
SELECT count(*) AS row_count, bit_xor(hash(t)) AS checksum FROM {table} AS t;

-- name: checked_lengths
-- Which lengths there are, and of what they are made.
-- gives: derived, base_unit, base_length, unit, length
-- takes: checked_intervals
SELECT DISTINCT derived, base_unit, base_length, unit, length FROM {checked_intervals} ORDER BY ALL;

-- name: scope_counts
-- What there is to check: symbols, intervals, base bars, derived bars, sessions.
-- gives: symbol_count, interval_count, base_bar_count, derived_bar_count, session_count
-- takes: checked_intervals
-- reads: bar
SELECT (SELECT count(DISTINCT symbol) FROM {checked_intervals}) AS symbol_count,
       (SELECT count(*) FROM {checked_intervals}) AS interval_count,
       count(*) FILTER (WHERE NOT d.derived) AS base_bar_count, count(*) FILTER (WHERE d.derived) AS derived_bar_count,
       count(DISTINCT (d.symbol, b.session_date)) FILTER (WHERE b.session_date IS NOT NULL AND d.unit IN ('second', 'day'))
           AS session_count
FROM bar AS b JOIN {checked_intervals} AS d USING (interval_id)
WHERE {within_bars};

-- name: within_bars
-- Bars of the sessions that are checked: $start <= session_date < $end, each where it is given.
-- part: condition
($start::DATE IS NULL OR b.session_date >= $start::DATE) AND ($end::DATE IS NULL OR b.session_date < $end::DATE)

-- name: within_sessions
-- The sessions that are checked: $start <= session_date < $end, each where it is given.
-- part: condition
($start::DATE IS NULL OR s.session_date >= $start::DATE) AND ($end::DATE IS NULL OR s.session_date < $end::DATE)

-- name: within_blocks
-- Blocks of sessions that begin with one that is checked: $start <= session_date < $end, each where it is given.
-- part: condition
($start::DATE IS NULL OR k.first_date >= $start::DATE) AND ($end::DATE IS NULL OR k.first_date < $end::DATE)

-- name: first_of_check
-- What a check found, with names, the first of it.
-- gives: symbol, interval, at, stored, expected, total
-- reads: interval_definition, symbol
SELECT d.symbol, d.interval, f.at, f.stored, f.expected, count(*) OVER () AS total
FROM ({check}) AS f
LEFT JOIN (SELECT i.interval_id, i.interval, s.symbol FROM interval_definition AS i JOIN symbol AS s USING (symbol_id)) AS d
       ON d.interval_id = f.interval_id
ORDER BY d.symbol NULLS FIRST, f.at, d.interval
LIMIT $shown;
