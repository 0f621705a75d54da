-- What an ordered pass over the bars reads. It computes in Python, so these statements only read, and cast numbers
-- from and to exact decimals as DuckDB did for whoever wrote the bars.

-- name: intervals_in_order
-- The intervals that are verified, those with one calendar and base together, symbol by symbol.
-- gives: interval_id, base_id, calendar, unit, length, derived, base_unit, base_length, closing_seconds, symbol_rank,
--    interval_rank, derived_through, through, final_before, retained_from, first_date, bar_count, base_count,
--    knows_trades, base_knows_trades
-- takes: checked_intervals, bar_extent
SELECT c.interval_id, c.base_id, c.calendar, c.unit, c.length::BIGINT AS length, c.derived, c.base_unit,
       c.base_length::BIGINT AS base_length, c.closing_seconds::BIGINT AS closing_seconds,
       dense_rank() OVER (ORDER BY c.symbol) AS symbol_rank, dense_rank() OVER (ORDER BY c.interval) AS interval_rank,
       c.derived_through, c.through, c.final_before, c.retained_from, c.first_date,
       coalesce(e.reached_count, 0) AS bar_count,
       CASE WHEN c.derived THEN coalesce(b.reached_count, 0) ELSE 0 END AS base_count,
       coalesce(e.knows_trades, false) AS knows_trades, coalesce(b.knows_trades, false) AS base_knows_trades
FROM {checked_intervals} AS c
LEFT JOIN {bar_extent} AS e ON e.interval_id = c.interval_id
LEFT JOIN {bar_extent} AS b ON b.interval_id = c.base_id
ORDER BY c.calendar, c.base_unit, c.base_length, c.closing_seconds, c.base_id, c.derived, c.unit, c.length;

-- name: hours
-- A calendar's segments.
-- gives: session_date, ordinal, segment, segment_open, segment_close
-- reads: trading_session
SELECT session_date, ordinal, segment, segment_open, segment_close
FROM trading_session
WHERE calendar = $calendar AND replaced_by IS NULL
ORDER BY segment_open, session_date, segment;

-- name: week_origin
-- The first day of the week that holds Monday 1970-01-05, in days since 1970, where it is another.
-- gives: origin
-- reads: calendar_week
SELECT (origin - DATE '1970-01-01')::BIGINT AS origin
FROM calendar_week WHERE calendar = $calendar AND replaced_by IS NULL;

-- name: bars_by_day
-- How many bars start on each day of UTC.
-- gives: day, bar_count
-- reads: bar
SELECT day_number(epoch_us(b.bar_start)) AS day, count(*) AS bar_count
FROM bar AS b
WHERE b.interval_id BETWEEN {low} AND {high} AND {among}
GROUP BY 1 ORDER BY 1;

-- name: bars_of_intervals
-- Bars, in the order in which they lie.
-- gives: interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, base_count,
--    expected_count
-- reads: bar
SELECT b.interval_id, b.bar_start, b.span_seconds, b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume,
       b.base_count, b.expected_count {trades}
FROM bar AS b
WHERE b.interval_id BETWEEN {low} AND {high} AND {among} AND {within_reach}
  AND b.bar_start >= instant({from}::BIGINT) AND b.bar_start < instant({to}::BIGINT);

-- name: all_bars_of_intervals
-- The same from the first to the last.
-- gives: interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, base_count,
--    expected_count
-- reads: bar
SELECT b.interval_id, b.bar_start, b.span_seconds, b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume,
       b.base_count, b.expected_count {trades}
FROM bar AS b
WHERE b.interval_id BETWEEN {low} AND {high} AND {among} AND {within_reach};

-- name: trades_of_intervals
-- What they know of their trades.
-- part: columns
, coalesce(b.trade_count, 0) AS trade_count, b.trade_count IS NOT NULL AS trades_known, coalesce(b.vwap, 0) AS vwap,
       b.vwap IS NOT NULL AS vwap_given, b.volume = 0 OR b.vwap IS NOT NULL AS vwap_known,
       CASE WHEN b.volume > 0 THEN try_cast(b.vwap * b.volume AS DECIMAL(38, 15)) END AS turnover

-- name: no_trades_of_intervals
-- The same where nothing is known.
-- part: columns


-- name: among_all
-- Every interval of a stretch of numbers.
-- part: condition
true

-- name: among_some
-- Some of them.
-- part: condition
-- takes: asked_intervals
interval_id IN (SELECT interval_id FROM {asked_intervals})

-- name: within_reach
-- Bars of the sessions that are checked, and those that their blocks of sessions reach to.
-- part: condition
({within_bars} OR (b.bar_start >= $reach_from::TIMESTAMPTZ AND b.bar_start < $reach_to::TIMESTAMPTZ))

-- name: volumes
-- Volumes as exact decimals; null where one is none.
-- gives: exact
-- takes: given_volumes
SELECT try_cast(volume AS DECIMAL(38, 9)) AS exact FROM {given_volumes};

-- name: doubles
-- Exact sums as they are kept.
-- gives: value
-- takes: exact_sums
SELECT exact::DOUBLE AS value FROM {exact_sums};

-- name: coverage_of_intervals
-- What is kept of coverage.
-- gives: interval_id, session_date, expected_count, present_count
-- reads: session_coverage
SELECT s.interval_id, s.session_date, s.expected_count, s.present_count
FROM session_coverage AS s
WHERE s.interval_id BETWEEN {low} AND {high} AND {among} AND {within_sessions};

-- name: gaps_of_intervals
-- What is kept of gaps.
-- gives: interval_id, session_date, segment, gap_start, gap_end, missing_count, incomplete_count
-- reads: gap
SELECT s.interval_id, s.session_date, s.segment, s.gap_start, s.gap_end, s.missing_count, s.incomplete_count
FROM gap AS s
WHERE s.interval_id BETWEEN {low} AND {high} AND {among} AND {within_sessions};

-- name: waiting_ranges
-- Where base bars wait to be derived again.
-- gives: interval_id, range_start, range_end
-- reads: invalidation
SELECT interval_id, range_start, range_end FROM invalidation ORDER BY interval_id, range_start;
