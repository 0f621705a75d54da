-- Rebuilding: base bars placed anew, and everything derived from them computed again, for calendar edits and repairs.

-- name: symbols_of_calendar
-- The active symbols that a calendar belongs to.
-- makes: scope_symbols(symbol_id)
-- reads: symbol
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
SELECT symbol_id FROM symbol WHERE calendar = $calendar AND removed_at IS NULL;

-- name: symbols_named
-- The active symbols named, or all.
-- makes: scope_symbols(symbol_id)
-- reads: symbol
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
SELECT symbol_id FROM symbol
WHERE removed_at IS NULL AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], symbol));

-- name: calendars_in_scope
-- The calendars of the intervals.
-- gives: calendar
-- takes: scope_intervals
SELECT DISTINCT calendar FROM {scope_intervals};

-- name: date_range_of_bases
-- The dates the base bars lie between; null without bars.
-- gives: first_date, last_date
-- takes: scope_intervals
-- reads: bar
SELECT min(b.bar_start)::DATE AS first_date, max(b.bar_start)::DATE AS last_date
FROM bar AS b JOIN {scope_intervals} AS d USING (interval_id) WHERE NOT d.derived;

-- name: deduplicated
-- Of bars that are there more than once, the one written last.
-- makes: deduplicated(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, base_count, expected_count, batch_id)
-- takes: scope_intervals
-- reads: bar
CREATE OR REPLACE TEMP TABLE {deduplicated} AS
SELECT DISTINCT ON (interval_id, bar_start) *
FROM bar
SEMI JOIN (SELECT interval_id, bar_start FROM bar WHERE interval_id IN (SELECT interval_id FROM {scope_intervals})
           GROUP BY ALL HAVING count(*) > 1) USING (interval_id, bar_start)
ORDER BY interval_id, bar_start, batch_id DESC;

-- name: drop_duplicates
-- All of them go ...
-- writes: bar
-- takes: deduplicated
DELETE FROM bar USING {deduplicated} AS s WHERE bar.interval_id = s.interval_id AND bar.bar_start = s.bar_start;

-- name: restore_deduplicated
-- ... and one of each comes back.
-- writes: bar
-- takes: deduplicated
INSERT INTO bar SELECT * FROM {deduplicated} ORDER BY interval_id, bar_start;

-- name: placed_bars
-- Base bars where the calendar has them now: one that was not seen whole still counts one less. misplaced says
-- that the calendar has no place for a bar. Outside of sessions that is asked where sessions changed since a batch: in a
-- gap with an edge that is new or gone, of bars that were in a session before, and of all where the symbol followed
-- another calendar before. What they were is known by from_start and from_batch_id.
-- makes: placed_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count, misplaced, from_start, from_batch_id)
-- takes: scope_intervals, calendar_pieces, base_bars: any
-- reads: calendar_block, calendar_week, symbol_calendar, trading_session
CREATE OR REPLACE TEMP TABLE {placed_bars} AS
WITH edge AS (
    SELECT calendar, edge_us FROM (
        SELECT calendar, unnest([epoch_us(segment_open), epoch_us(segment_close)]) AS edge_us, replaced_by IS NULL AS now_
        FROM trading_session
        WHERE replaced_by >= $since OR (batch_id >= $since AND replaced_by IS NULL)
    )
    GROUP BY calendar, edge_us HAVING count(DISTINCT now_) = 1
),
found AS (
    SELECT b.*, CASE WHEN b.session_date IS NOT NULL AND b.expected_count = 0 THEN 0 ELSE 1 END - b.base_count AS lacking,
           d.length::BIGINT * 1000000 AS width_us, d.closing_seconds > 0 AS includes_closing_bar,
           epoch_us(b.bar_start) AS start_us, d.calendar,
           d.symbol_id IN (SELECT symbol_id FROM symbol_calendar WHERE replaced_by >= $since) AS moved,
           p.session_date AS in_date, p.segment AS in_segment,
           p.from_us, p.to_us, p.closed_date, p.closed_segment
    FROM {base_bars} AS b
    JOIN {scope_intervals} AS d ON d.interval_id = b.interval_id AND NOT d.derived AND d.unit = 'second'
    LEFT JOIN {calendar_pieces} AS p
           ON p.calendar = d.calendar AND p.day = day_number(epoch_us(b.bar_start))
          AND epoch_us(b.bar_start) >= p.from_us AND epoch_us(b.bar_start) < p.to_us
),
changed_gap AS (
    SELECT DISTINCT f.calendar, f.from_us
    FROM (SELECT DISTINCT calendar, from_us, to_us FROM found WHERE in_segment IS NULL AND from_us IS NOT NULL) AS f
    JOIN edge AS e ON e.calendar = f.calendar AND e.edge_us >= f.from_us AND e.edge_us <= f.to_us
),
closing AS (
    SELECT f.*, coalesce(includes_closing_bar AND closed_date IS NOT NULL AND start_us = f.from_us, false) AS closing,
           in_segment IS NULL AND (g.from_us IS NOT NULL OR session_date IS NOT NULL OR moved)
           AND ((start_us - f.from_us) % width_us <> 0 AND (to_us - start_us) % width_us <> 0
                OR lead(start_us) OVER (PARTITION BY interval_id, in_segment IS NULL ORDER BY start_us) < start_us + width_us)
               AS off_grid
    FROM found AS f
    LEFT JOIN changed_gap AS g ON g.calendar = f.calendar AND g.from_us = f.from_us
)
SELECT interval_id, bar_start,
       CASE WHEN in_segment IS NULL THEN width_us ELSE least(width_us, to_us - start_us) END // 1000000 AS span_seconds,
       CASE WHEN closing THEN closed_date ELSE in_date END AS session_date,
       CASE WHEN closing THEN closed_segment ELSE in_segment END AS segment,
       open, high, low, close, volume, trade_count, vwap, declared,
       CASE WHEN closing THEN 0 ELSE 1 END - lacking AS base_count, CASE WHEN in_segment IS NULL THEN 0 ELSE 1 END AS expected_count,
       CASE WHEN from_us IS NULL THEN true
            WHEN in_segment IS NULL THEN start_us + width_us > to_us OR off_grid
            ELSE (start_us - from_us) % width_us <> 0 END AS misplaced,
       bar_start AS from_start, batch_id AS from_batch_id
FROM closing
UNION ALL
SELECT b.interval_id, coalesce(k.block_open, b.bar_start),
       coalesce((epoch_us(k.block_close) - epoch_us(k.block_open)) // 1000000, b.span_seconds),
       k.first_date, 0, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.declared, 1, 1, k.first_date IS NULL,
       b.bar_start, b.batch_id
FROM {base_bars} AS b
JOIN {scope_intervals} AS d ON d.interval_id = b.interval_id AND NOT d.derived AND d.unit <> 'second'
LEFT JOIN calendar_week AS w ON w.calendar = d.calendar AND w.replaced_by IS NULL
LEFT JOIN calendar_block AS k
       ON k.calendar = d.calendar AND k.unit = d.unit AND k.length = d.length
      AND k.base_unit = d.base_unit AND k.base_length = d.base_length
      AND CASE d.unit WHEN 'day' THEN k.first_date = b.session_date
                      ELSE k.block = block_number(d.unit, d.length, b.session_date, 0, first_week(d.unit, w.origin), NULL) END;

-- name: bars_with_values
-- The bars that are there, with the values of their declared columns.
-- part: base_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, base_count, expected_count, batch_id, declared)
-- reads: bar
(SELECT b.*, {declared} AS declared FROM bar AS b {beside})

-- name: count_misplaced
-- How many base bars have no place, and the first of them.
-- gives: misplaced_count, symbol, interval, first_start
-- takes: placed_bars, scope_intervals
SELECT count(*) AS misplaced_count, any_value(d.symbol) AS symbol, any_value(d.interval) AS interval,
       min(p.bar_start) AS first_start
FROM {placed_bars} AS p JOIN {scope_intervals} AS d USING (interval_id)
WHERE p.misplaced AND p.bar_start >= coalesce(d.retained_from, beginning());

-- name: retained_bars
-- The base bars as they are placed now, but for those that would lie in what was purged.
-- part: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, declared, base_count, expected_count)
-- takes: placed_bars, scope_intervals
(SELECT p.* EXCLUDE (misplaced, from_start, from_batch_id) FROM {placed_bars} AS p JOIN {scope_intervals} AS d USING (interval_id)
 WHERE p.bar_start >= coalesce(d.retained_from, beginning()))

-- name: base_ranges
-- All that the base intervals hold.
-- makes: replaced_ranges(interval_id, from_, to_)
-- takes: scope_intervals
CREATE OR REPLACE TEMP TABLE {replaced_ranges} AS
SELECT interval_id, beginning() AS from_, 'infinity'::TIMESTAMPTZ AS to_ FROM {scope_intervals} WHERE NOT derived;

-- name: derived_ranges
-- All that the derived intervals hold but for final bars; what lies before retained_from should not be there.
-- makes: replaced_ranges(interval_id, from_, to_)
-- takes: scope_intervals
CREATE OR REPLACE TEMP TABLE {replaced_ranges} AS
SELECT interval_id, coalesce(final_before, beginning()) AS from_, 'infinity'::TIMESTAMPTZ AS to_
FROM {scope_intervals} WHERE derived
UNION ALL
SELECT interval_id, beginning(), retained_from FROM {scope_intervals} WHERE derived AND retained_from IS NOT NULL;

-- name: raise_watermarks
-- A base interval is complete through its last bar, at least.
-- writes: interval_definition
-- takes: scope_intervals
-- reads: bar
UPDATE interval_definition AS d SET complete_through = b.last_end
FROM (SELECT interval_id, max(later(bar_start, span_seconds)) AS last_end FROM bar
      WHERE interval_id IN (SELECT interval_id FROM {scope_intervals} WHERE NOT derived) GROUP BY interval_id) AS b
WHERE d.interval_id = b.interval_id AND b.last_end > coalesce(d.complete_through, beginning());

-- name: begin_bases
-- The range of a base interval begins with the first session that has a bar now, or that is retained: where derived
-- intervals start over.
-- writes: interval_definition
-- takes: scope_intervals
-- reads: bar
UPDATE interval_definition AS i SET first_session = f.first_date
FROM (SELECT d.interval_id, coalesce(any_value(d.account_from), min(b.session_date)) AS first_date
      FROM {scope_intervals} AS d LEFT JOIN bar AS b USING (interval_id) WHERE NOT d.derived GROUP BY d.interval_id) AS f
WHERE f.interval_id = i.interval_id;

-- name: rewind_derived
-- Derived intervals start over, after what is final.
-- writes: interval_definition
-- takes: scope_intervals
UPDATE interval_definition AS i SET derived_through = d.final_before, next_close = NULL
FROM {scope_intervals} AS d WHERE d.interval_id = i.interval_id AND d.derived;

-- name: drop_invalidations
-- Everything is computed again, so nothing waits for it any more.
-- writes: invalidation
-- takes: scope_intervals
DELETE FROM invalidation WHERE interval_id IN (SELECT interval_id FROM {scope_intervals});

-- name: drop_coverage
-- Coverage and gaps are counted again from nothing.
-- writes: session_coverage, gap
-- takes: scope_intervals
DELETE FROM {table} WHERE interval_id IN (SELECT interval_id FROM {scope_intervals});

-- name: reset_quality
-- And what they came to.
-- writes: interval_definition
-- takes: scope_intervals
UPDATE interval_definition SET first_session = NULL, expected_count = NULL, present_count = NULL, quality_pct = NULL
WHERE interval_id IN (SELECT interval_id FROM {scope_intervals});

-- name: moves_of_bases
-- The whole range of the base intervals.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- takes: scope_intervals
-- reads: bar
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
SELECT d.interval_id, d.calendar, d.kind, d.length,
       NULL::TIMESTAMPTZ AS old_through, d.through AS new_through, NULL::DATE AS old_first,
       coalesce(d.account_from, f.first_date) AS new_first
FROM {scope_intervals} AS d
LEFT JOIN (SELECT interval_id, min(session_date) AS first_date FROM bar
           WHERE interval_id IN (SELECT interval_id FROM {scope_intervals}) GROUP BY interval_id) AS f USING (interval_id)
WHERE NOT d.derived;

-- name: moves_of_whole_range
-- The whole range of the derived intervals.
-- makes: derived_moves(interval_id, base_id, old_through, new_through)
-- takes: scope_intervals, derive_ranges
CREATE OR REPLACE TEMP TABLE {derived_moves} AS
SELECT d.interval_id, d.base_id, NULL::TIMESTAMPTZ AS old_through, coalesce(t.to_, d.derived_through) AS new_through
FROM {scope_intervals} AS d LEFT JOIN {derive_ranges} AS t USING (interval_id)
WHERE d.derived;
