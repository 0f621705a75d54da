-- Backtests: the bars and calendars as they were when a run began, in the order in which they close.
--
-- streams holds one row per interval that a run delivers: its symbol, where it stands in the order of delivery, when
-- delivery begins and ends, and wait_seconds, by which its last bar of a session closes later (closing_bar =
-- 'include'). session_ends holds the last close of every session.

-- name: streams
-- The intervals with these ids, whether their symbols are still registered or not, in the order of delivery; on the
-- calendars that their symbols followed when the run began.
-- gives: interval_id, symbol, interval, unit, length, derived, base_id, base_unit, base_length, calendar, kind,
--    wait_seconds
-- reads: interval_definition, symbol, symbol_calendar
SELECT d.interval_id, s.symbol, d.interval, d.unit, d.length, d.derived, coalesce(b.interval_id, d.interval_id) AS base_id,
       coalesce(b.unit, d.unit) AS base_unit, coalesce(b.length, d.length) AS base_length,
       coalesce((SELECT arg_min(c.calendar, c.replaced_by) FROM symbol_calendar AS c
                 WHERE c.symbol_id = s.symbol_id AND c.replaced_by > $pinned), s.calendar) AS calendar,
       CASE WHEN d.unit = 'second' THEN 'session'
            ELSE concat(d.length, d.unit, '/', coalesce(b.length, d.length), coalesce(b.unit, d.unit)) END AS kind,
       CASE WHEN d.derived AND s.closing_bar = 'include' THEN b.length ELSE 0 END AS wait_seconds
FROM interval_definition AS d
JOIN symbol AS s USING (symbol_id)
LEFT JOIN interval_definition AS b ON b.symbol_id = d.symbol_id AND b.interval = d.base
WHERE list_contains($interval_ids::INTEGER[], d.interval_id)
ORDER BY nominal_seconds(d.unit, d.length), d.unit, s.symbol;

-- name: interval_ids
-- The intervals of the symbols named.
-- gives: interval_id, symbol, interval
-- reads: definition
SELECT interval_id, symbol, interval FROM definition WHERE list_contains($symbols::VARCHAR[], symbol);

-- name: session_range
-- The first and the last session that each calendar's symbols have base bars in.
-- gives: calendar, first_date, last_date
-- reads: definition, session_coverage
SELECT d.calendar, min(c.session_date) AS first_date, max(c.session_date) AS last_date
FROM definition AS d
JOIN session_coverage AS c ON c.interval_id = d.interval_id AND c.present_count > 0
WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol)
GROUP BY d.calendar;

-- name: known_through
-- The last date whose sessions are known, by calendar.
-- gives: calendar, known_through
-- reads: trading_calendar
SELECT calendar, known_through FROM trading_calendar WHERE list_contains($calendars::VARCHAR[], calendar);

-- name: pinned_sessions
-- The sessions of some calendars as they were when the run began.
-- gives: calendar, session_date, ordinal, segment, segment_open, segment_close
-- reads: trading_session
SELECT calendar, session_date, ordinal, segment, segment_open, segment_close
FROM trading_session
WHERE list_contains($calendars::VARCHAR[], calendar) AND batch_id <= $pinned
  AND (replaced_by IS NULL OR replaced_by > $pinned)
ORDER BY calendar, segment_open;

-- name: session_ends
-- The last close of each of those sessions.
-- gives: calendar, session_close
-- reads: trading_session
SELECT calendar, max(segment_close) AS session_close
FROM trading_session
WHERE list_contains($calendars::VARCHAR[], calendar) AND batch_id <= $pinned
  AND (replaced_by IS NULL OR replaced_by > $pinned)
GROUP BY calendar, session_date;

-- name: pinned_blocks
-- The blocks of sessions of one length, base and calendar, from the sessions that were known when the run began.
-- gives: first_date, last_date, open, close, known, expected_count
-- reads: calendar_week, trading_session
WITH week AS (
    SELECT first_week($unit, any_value(origin)) AS origin FROM calendar_week
    WHERE calendar = $calendar AND batch_id <= $pinned AND (replaced_by IS NULL OR replaced_by > $pinned)
),
numbered AS (
    SELECT session_date, ordinal, segment_open, segment_close, origin,
           min(ordinal) OVER one_period AS first_ordinal,
           block_number($unit, $length, session_date, ordinal, origin, first_ordinal) AS block,
           CASE WHEN $base_unit = 'second' THEN slots(segment_open, segment_close, $base_length) END AS room,
           CASE WHEN $base_unit <> 'second'
                THEN block_number($base_unit, $base_length, session_date, ordinal, origin, NULL) END AS base_block
    FROM trading_session, week
    WHERE calendar = $calendar AND batch_id <= $pinned AND (replaced_by IS NULL OR replaced_by > $pinned)
    WINDOW one_period AS (PARTITION BY period_number($unit, session_date, origin))
)
SELECT min(session_date) AS first_date, max(session_date) AS last_date, min(segment_open) AS open, max(segment_close) AS close,
       block_is_known($unit, $length, block, block_last_date($unit, $length, block, origin), $known_through::DATE,
                      max(ordinal), any_value(first_ordinal)) AS known,
       coalesce(sum(room), count(DISTINCT base_block))::INTEGER AS expected_count
FROM numbered
GROUP BY block, origin
ORDER BY block;

-- name: pinned_bars
-- The bars as they were when the run began, revised since or not.
-- part: pinned_bars(the columns of bar)
-- reads: bar, bar_revision
SELECT * FROM bar WHERE batch_id <= $pinned AND {which}
 UNION ALL BY NAME
 SELECT * EXCLUDE (replaced_by) FROM bar_revision WHERE batch_id <= $pinned AND replaced_by > $pinned AND {which}

-- name: of_short_streams
-- Bars of the intraday streams that can close after one instant and through another.
-- part: condition
-- takes: streams
interval_id IN (SELECT interval_id FROM {streams} WHERE intraday) AND session_date IS NOT NULL
AND bar_start >= $since_short::TIMESTAMPTZ AND bar_start < $through::TIMESTAMPTZ

-- name: of_long_streams
-- The same of the streams of 1d and longer.
-- part: condition
-- takes: streams
interval_id IN (SELECT interval_id FROM {streams} WHERE NOT intraday) AND session_date IS NOT NULL
AND bar_start >= $since_long::TIMESTAMPTZ AND bar_start < $through::TIMESTAMPTZ

-- name: of_one_stream
-- Bars of one interval.
-- part: condition
interval_id = $interval_id AND bar_start >= $since::TIMESTAMPTZ AND bar_start < $through::TIMESTAMPTZ

-- name: closing_bars
-- The bars that close after one instant and through another, tick by tick, in the order of delivery.
-- gives: tick, symbol, interval, bar_start, bar_end, session_date, open, high, low, close, volume, trade_count, vwap,
--    base_count, expected_count, complete, batch_id
-- takes: streams, session_ends
SELECT later(b.bar_start, b.span_seconds + CASE WHEN c.session_close IS NULL THEN 0 ELSE s.wait_seconds END) AS tick,
       s.symbol, s.interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, b.session_date,
       b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count,
       CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete, b.batch_id
FROM ({bars}) AS b
JOIN {streams} AS s ON s.interval_id = b.interval_id
LEFT JOIN {session_ends} AS c ON s.wait_seconds > 0 AND c.calendar = s.calendar
                          AND c.session_close = later(b.bar_start, b.span_seconds)
WHERE tick > $after::TIMESTAMPTZ AND tick <= $through::TIMESTAMPTZ AND epoch_us(tick) > s.begins_us AND epoch_us(tick) <= s.ends_us
ORDER BY tick, s.place;

-- name: history
-- The last bars of one interval that close by an instant, oldest first.
-- gives: tick, symbol, interval, bar_start, bar_end, session_date, segment, open, high, low, close, volume,
--    trade_count, vwap, base_count, expected_count, complete, batch_id
-- takes: session_ends
SELECT * FROM (
    SELECT later(b.bar_start, b.span_seconds
                              + CASE WHEN c.session_close IS NULL THEN 0 ELSE $wait_seconds::BIGINT END) AS tick,
           $symbol AS symbol, $interval AS interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end,
           b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count,
           b.expected_count, CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete,
           b.batch_id
    FROM ({pinned}) AS b
    LEFT JOIN {session_ends} AS c ON $wait_seconds > 0 AND c.calendar = $calendar
                              AND c.session_close = later(b.bar_start, b.span_seconds)
    WHERE tick > $after::TIMESTAMPTZ AND tick <= $through::TIMESTAMPTZ
    ORDER BY b.bar_start DESC
    LIMIT $count
)
ORDER BY bar_start;

-- name: forming_bar
-- One bar of the base bars in visible, all of one bucket; the sums are exact, as in a derived bar.
-- gives: open, high, low, close, volume, trade_count, vwap, base_count
-- takes: visible_bars
SELECT arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low, arg_max(close, bar_start) AS close,
       sum(volume::DECIMAL(38, 9))::DOUBLE AS volume,
       CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
       vwap_of(sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END), sum(volume::DECIMAL(38, 9)),
               bool_and(volume = 0 OR vwap IS NOT NULL), min(low), max(high)) AS vwap,
       sum(base_count)::INTEGER AS base_count
FROM {visible_bars}
WHERE session_date BETWEEN $first_date::DATE AND $last_date::DATE AND ($segment IS NULL OR segment = $segment);

-- name: timezones
-- The zone of each calendar; null where it is not known.
-- gives: calendar, timezone
-- reads: trading_calendar, calendar_timezone
SELECT c.calendar, z.timezone
FROM trading_calendar AS c
LEFT JOIN calendar_timezone AS z USING (calendar)
WHERE list_contains($calendars::VARCHAR[], c.calendar);
