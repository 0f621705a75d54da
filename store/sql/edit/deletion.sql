-- Deletion of base bars.

-- name: moves_after_deletion
-- How far intervals were covered, how far they are now, and where their range started and starts: with the first
-- session that has a bar, or with the first that is retained. Here of intervals that lost bars: their range may start
-- later now, or be gone.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- takes: scope_intervals, bar_changes
-- reads: bar
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
SELECT d.interval_id, d.calendar, d.kind, d.length, d.through AS old_through, d.through AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, f.first_date) AS new_first
FROM {scope_intervals} AS d
LEFT JOIN (SELECT interval_id, min(session_date) AS first_date FROM bar
           WHERE interval_id IN (SELECT interval_id FROM {bar_changes}) GROUP BY interval_id) AS f USING (interval_id)
WHERE d.interval_id IN (SELECT interval_id FROM {bar_changes});

-- name: derived_intervals
-- The derived intervals, no further derived than before.
-- makes: derived_moves(interval_id, base_id, old_through, new_through)
-- takes: scope_intervals
CREATE OR REPLACE TEMP TABLE {derived_moves} AS
SELECT interval_id, base_id, derived_through AS old_through, derived_through AS new_through
FROM {scope_intervals} WHERE derived;

-- name: deleted_range
-- The range of a symbol's base bars that is to go.
-- makes: replaced_ranges(interval_id, from_, to_)
-- reads: definition
CREATE OR REPLACE TEMP TABLE {replaced_ranges} AS
SELECT interval_id, coalesce($start::TIMESTAMPTZ, beginning()) AS from_,
       coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ) AS to_
FROM definition WHERE symbol = $symbol AND NOT derived;

-- name: bounds_of_deleted
-- Where the bars of that range are; null when there is none.
-- gives: interval_id, first_start, last_end
-- takes: replaced_ranges
-- reads: bar
SELECT any_value(b.interval_id) AS interval_id, min(b.bar_start) AS first_start,
       max(later(b.bar_start, b.span_seconds)) AS last_end
FROM bar AS b
JOIN {replaced_ranges} AS d ON d.interval_id = b.interval_id AND b.bar_start >= d.from_ AND b.bar_start < d.to_;

-- name: base_end
-- How far the base interval of a symbol is complete, and where its last bar ends; null without any.
-- gives: interval_id, complete_through, retained_from, last_bar_end
-- reads: bar, definition
SELECT d.interval_id, d.complete_through, d.retained_from,
       (SELECT max(later(b.bar_start, b.span_seconds)) FROM bar AS b WHERE b.interval_id = d.interval_id) AS last_bar_end
FROM definition AS d
WHERE d.symbol = $symbol AND NOT d.derived;

-- name: rewind_base
-- A base interval is complete through the last bar it has left, and no further; but not back into what was purged.
-- writes: interval_definition
-- reads: bar
UPDATE interval_definition SET complete_through = (
    SELECT greatest(max(later(b.bar_start, b.span_seconds)), retained_from) FROM bar AS b
    WHERE b.interval_id = $interval_id)
WHERE interval_id = $interval_id;
