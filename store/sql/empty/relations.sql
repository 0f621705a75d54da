-- Empty relations, for where there is nothing to hand in.

-- name: sessions
-- No sessions of intervals.
-- part: changed_sessions(interval_id, session_date)
(SELECT NULL::INTEGER AS interval_id, NULL::DATE AS session_date WHERE false)

-- name: bar_counts
-- No bars added.
-- part: bar_counts(interval_id, session_date, complete_count)
(SELECT NULL::INTEGER AS interval_id, NULL::DATE AS session_date, NULL::BIGINT AS complete_count WHERE false)

-- name: bars
-- No bars.
-- part: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count)
-- reads: bar
(SELECT interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume, trade_count, vwap,
        {declared} AS declared, base_count, expected_count
 FROM bar WHERE false)
