-- Adjusting: by which factors prices and volumes of the past are brought to the shares of today.

-- name: actions_now
-- What is known of corporate actions of some symbols, and when the session of each ex-date opens; null without one.
-- gives: symbol, symbol_id, calendar, ex_date, kind, ratio, amount, opens
-- reads: corporate_action, symbol, trading_session
SELECT s.symbol, s.symbol_id, s.calendar, k.ex_date, k.kind, k.ratio, k.amount, t.segment_open AS opens
FROM corporate_action AS k
JOIN symbol AS s USING (symbol_id)
LEFT JOIN trading_session AS t ON t.calendar = s.calendar AND t.session_date = k.ex_date AND t.segment = 0
                              AND t.replaced_by IS NULL
WHERE list_contains($symbols::VARCHAR[], s.symbol);

-- name: actions_then
-- The same as of a batch, on the calendar that each symbol followed then, and by its name of then.
-- gives: symbol, symbol_id, calendar, ex_date, kind, ratio, amount, opens
-- reads: corporate_action, corporate_action_revision, names_at, symbol, symbol_calendar, trading_session
SELECT a.symbol, a.symbol_id, a.calendar, a.ex_date, a.kind, a.ratio, a.amount, t.segment_open AS opens
FROM (
    SELECT n.name AS symbol, s.symbol_id,
           coalesce((SELECT arg_min(c.calendar, c.replaced_by) FROM symbol_calendar AS c
                     WHERE c.symbol_id = s.symbol_id AND c.replaced_by > $pinned), s.calendar) AS calendar,
           k.ex_date, k.kind, k.ratio, k.amount
    FROM (SELECT symbol_id, ex_date, kind, ratio, amount FROM corporate_action WHERE batch_id <= $pinned
          UNION ALL
          SELECT symbol_id, ex_date, kind, ratio, amount FROM corporate_action_revision
          WHERE batch_id <= $pinned AND replaced_by > $pinned) AS k
    JOIN symbol AS s USING (symbol_id)
    JOIN names_at($pinned) AS n USING (symbol_id)
    WHERE list_contains($symbols::VARCHAR[], n.name)
) AS a
LEFT JOIN trading_session AS t ON t.calendar = a.calendar AND t.session_date = a.ex_date AND t.segment = 0
                              AND t.batch_id <= $pinned AND (t.replaced_by IS NULL OR t.replaced_by > $pinned);

-- name: zone_of_calendar
-- Where a calendar is at home.
-- gives: timezone
-- reads: calendar_timezone
SELECT coalesce((SELECT timezone FROM calendar_timezone WHERE calendar = $calendar), 'UTC') AS timezone;

-- name: session_edges
-- The segments of a calendar as it was after a batch, in order: the date as days since 1970, the instants in microseconds.
-- gives: day_number, opens, closes
-- reads: trading_session
SELECT session_date - DATE '1970-01-01' AS day_number, epoch_us(segment_open) AS opens, epoch_us(segment_close) AS closes
FROM trading_session
WHERE calendar = $calendar AND batch_id <= $pinned AND (replaced_by IS NULL OR replaced_by > $pinned)
ORDER BY segment_open;

-- name: edges_of_symbols
-- Where the last bar of each interval of symbols starts that has any.
-- gives: symbol_id, interval_id, unit, length, retained_from, last_bar
-- takes: bar_edges: any
SELECT symbol_id, interval_id, unit, length, retained_from, last_bar FROM {bar_edges}
WHERE last_bar IS NOT NULL AND list_contains($symbol_ids::INTEGER[], symbol_id);

-- name: reference_closes
-- The closes of one interval's bars in sessions, oldest first: where each bar counts in time, its last microsecond, and
-- its close.
-- gives: starts, ends, close
-- takes: bars: any
SELECT epoch_us(effective_start(bar_start, expected_count)) AS starts,
       epoch_us(bar_start) + span_seconds * 1000000 - 1 AS ends, close
FROM {bars} WHERE interval_id = $interval_id AND session_date IS NOT NULL
ORDER BY bar_start;

-- name: reference_bars
-- The bars in sessions of one interval, oldest first.
-- gives: starts, ends, open, high, low, close, volume, trade_count, vwap
-- takes: bars: any
SELECT epoch_us(bar_start) AS starts, epoch_us(bar_start) + span_seconds * 1000000 - 1 AS ends, open, high, low, close, volume, trade_count, vwap
FROM {bars} WHERE interval_id = $interval_id AND session_date IS NOT NULL
  AND bar_start >= $start::TIMESTAMPTZ AND bar_start < $end::TIMESTAMPTZ
ORDER BY bar_start;

-- name: bar_edges_now
-- Each interval, with where its last bar starts; of those without any it is null.
-- part: bar_edges(symbol_id, interval_id, unit, length, retained_from, last_bar)
-- reads: interval_definition
(SELECT symbol_id, interval_id, unit, length, retained_from, last_bar FROM interval_definition)

-- name: bars_then
-- Bars as they were known after a batch.
-- part: bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, trade_count,
-- vwap, base_count, expected_count, batch_id)
-- reads: bar, bar_revision
(SELECT * FROM bar WHERE batch_id <= $pinned
 UNION ALL
 SELECT * EXCLUDE (replaced_by) FROM bar_revision WHERE batch_id <= $pinned AND replaced_by > $pinned)

-- name: bar_edges_then
-- The same as of then.
-- part: bar_edges(symbol_id, interval_id, unit, length, retained_from, last_bar)
-- takes: bars: any
-- reads: interval_definition
(SELECT d.symbol_id, d.interval_id, d.unit, d.length, d.retained_from, max(b.bar_start) AS last_bar
 FROM interval_definition AS d JOIN {bars} AS b USING (interval_id)
 GROUP BY d.symbol_id, d.interval_id, d.unit, d.length, d.retained_from)

-- name: bars_forming
-- Bars as they are now, those forming among them.
-- part: bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, trade_count,
-- vwap, base_count, expected_count, batch_id)
-- reads: bars_live, definition
(SELECT d.interval_id, v.bar_start, (epoch_us(v.bar_end) - epoch_us(v.bar_start)) // 1000000 AS span_seconds,
        v.session_date, v.open, v.high, v.low, v.close, v.volume, v.trade_count, v.vwap, v.base_count, v.expected_count
 FROM bars_live AS v JOIN definition AS d USING (symbol, interval))

-- name: bars_of_parts
-- Bars made of adjusted parts, piece by piece.
-- gives: piece, open, high, low, close, volume, trade_count, vwap
-- takes: adjusted_parts
SELECT piece, open, high, low, close, volume::DOUBLE AS volume, trade_count,
       vwap_of(turnover, volume, vwap_known, low, high) AS vwap
FROM (
    SELECT piece, arg_min(open, starts) AS open, max(high) AS high, min(low) AS low,
           arg_max(close, starts) AS close, sum(volume::DECIMAL(38, 9)) AS volume,
           CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
           sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
           bool_and(volume = 0 OR vwap IS NOT NULL) AS vwap_known
    FROM {adjusted_parts} GROUP BY piece
)
ORDER BY piece;

-- name: batch_then
-- The newest batch that there was at an instant.
-- gives: batch_id
-- reads: batch
SELECT coalesce(max(batch_id), 0) AS batch_id FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ;

-- name: actions_in_order
-- The view actions, in the order people read.
-- gives: *
-- reads: actions
SELECT * FROM actions WHERE $symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol)
ORDER BY symbol, ex_date, kind;
