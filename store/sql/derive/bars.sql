-- Bars made of levels.

-- name: intraday_bars
-- The bars of one intraday length, in the order of the bar table: rows are sorted while they are narrow, and a join by
-- a unique key leaves them in order.
-- part: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count)
-- takes: level, intraday_ranges
(SELECT interval_id, instant(start_us) AS bar_start, span_seconds, session_date, segment,
        open, high, low, close, volume::DOUBLE AS volume, trade_count::BIGINT AS trade_count,
        vwap_of(turnover, volume, vwap_known, low, high) AS vwap, {declared} AS declared,
        base_count::INTEGER AS base_count,
        ((span_seconds + {base_length} - 1) // {base_length})::INTEGER AS expected_count
 FROM (
     SELECT g.interval_id, g.from_us, g.to_us, g.session_date, g.segment, l.* EXCLUDE (key),
            g.open_us + (l.key & 1048575) * {length} * 1000000 AS start_us,
            least({length}::BIGINT, (g.close_us - g.open_us) // 1000000 - (l.key & 1048575) * {length}) AS span_seconds
     FROM (FROM {level} ORDER BY key) AS l
     JOIN (FROM {intraday_ranges} WHERE length = {length}) AS g ON g.prefix = l.key >> 20
 ) AS m
 WHERE start_us >= from_us AND start_us < to_us)

-- name: block_bars
-- The bars of one length of 1d or more, in the order of the bar table.
-- part: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count)
-- takes: level, block_ranges, numbered_segments, coverage_units
(SELECT g.interval_id, b.open_ AS bar_start, (epoch_us(b.close_) - epoch_us(b.open_)) // 1000000 AS span_seconds,
        p.session_date, 0::TINYINT AS segment,
        l.open, l.high, l.low, l.close, l.volume::DOUBLE AS volume, l.trade_count::BIGINT AS trade_count,
        vwap_of(l.turnover, l.volume, l.vwap_known, l.low, l.high) AS vwap, {declared} AS declared,
        l.base_count::INTEGER AS base_count, b.expected_count
 FROM {level} AS l
 JOIN (FROM {block_ranges} WHERE kind = {kind}) AS g ON g.base_number = l.key >> 41
 JOIN {numbered_segments} AS p ON p.number = (l.key >> 20) & 2097151
 JOIN (FROM {coverage_units} WHERE kind = {kind}) AS b ON b.calendar = p.calendar AND b.first_date = p.session_date
 WHERE b.open_ >= g.from_ AND b.open_ < g.to_
 ORDER BY l.key)

-- name: within_ranges
-- Those of them that lie in a range, where an interval has several.
-- part: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count)
-- takes: rederive_ranges
SELECT b.* FROM ({bars}) AS b
SEMI JOIN {rederive_ranges} AS t ON t.interval_id = b.interval_id AND t.session_date = b.session_date
                     AND b.bar_start >= t.from_ AND b.bar_start < t.to_

-- name: new_bars
-- The bars of all levels, in the order of the bar table. One statement makes the table: DuckDB 2.0 loses sight of
-- rows inserted into a temporary table one after the other until the transaction ends.
-- makes: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count)
CREATE OR REPLACE TEMP TABLE {new_bars} AS
SELECT * FROM ({bars}) AS b ORDER BY interval_id, bar_start;

-- name: changes_by_interval
-- What was written of bars that were derived again, by interval length.
-- gives: interval, inserted, revised, deleted
-- takes: bar_changes
-- reads: interval_definition
SELECT d.interval, count(*) FILTER (WHERE c.action = 'insert') AS inserted,
       count(*) FILTER (WHERE c.action = 'revise') AS revised,
       count(*) FILTER (WHERE c.action = 'delete') AS deleted
FROM {bar_changes} AS c JOIN interval_definition AS d USING (interval_id)
GROUP BY d.interval;
