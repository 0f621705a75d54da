-- The ranges to derive: buckets that have closed since the last time, and those below that changed.

-- name: derive_ranges
-- Buckets that have closed since the last time, one range per derived interval.
-- makes: derive_ranges(interval_id, base_id, calendar, kind, unit, length, base_unit, base_length, from_, to_)
-- takes: waiting_intervals, scope_intervals
CREATE OR REPLACE TEMP TABLE {derive_ranges} AS
SELECT d.interval_id, d.base_id, d.calendar, d.kind, d.unit, d.length, d.base_unit, d.base_length,
       coalesce(d.derived_through, beginning()) AS from_, w.new_through AS to_
FROM {waiting_intervals} AS w
JOIN {scope_intervals} AS d USING (interval_id)
WHERE w.new_through IS NOT NULL;

-- name: rederive_ranges
-- Buckets below derived_through that an invalidation touches: its range is widened to whole buckets, and ends where
-- the forward pass begins. Final bars are left alone. session_date is what the bars there carry, last_date that of the
-- last session they cover; by these thousands of ranges find their bars without being compared with each.
-- makes: rederive_ranges(interval_id, base_id, calendar, kind, unit, length, base_unit, base_length, from_, to_,
-- session_date, last_date)
-- takes: scope_intervals, coverage_units
-- reads: invalidation, trading_session
CREATE OR REPLACE TEMP TABLE {rederive_ranges} AS
WITH hit AS (
    SELECT d.*, i.session_date AS changed_date, i.range_start, i.range_end
    FROM {scope_intervals} AS d
    JOIN invalidation AS i ON i.interval_id = d.base_id AND i.range_start < d.derived_through
    WHERE d.derived
),
widened AS (
    SELECT h.*,
           later(s.segment_open, (greatest(epoch_us(h.range_start) - epoch_us(s.segment_open), 0)
                                  // (h.length::BIGINT * 1000000)) * h.length) AS from_,
           least(s.segment_close,
                 later(s.segment_open, slots(s.segment_open, h.range_end, h.length) * h.length)) AS to_,
           h.changed_date AS session_date, h.changed_date AS last_date
    FROM hit AS h
    JOIN trading_session AS s ON s.calendar = h.calendar AND s.session_date = h.changed_date AND s.replaced_by IS NULL
    WHERE h.kind = 'session' AND h.range_start < s.segment_close AND h.range_end > s.segment_open
    UNION ALL
    SELECT h.*, p.open_, p.close_, p.first_date, p.last_date
    FROM hit AS h
    JOIN (SELECT *, unnest(generate_series(first_date, last_date, INTERVAL 1 DAY))::DATE AS date
          FROM {coverage_units} WHERE kind <> 'session') AS p
         ON p.calendar = h.calendar AND p.kind = h.kind AND p.date = h.changed_date
)
SELECT DISTINCT interval_id, base_id, calendar, kind, unit, length, base_unit, base_length, from_,
       least(to_, derived_through) AS to_, session_date, last_date
FROM widened
WHERE from_ < derived_through AND from_ >= coalesce(final_before, beginning());

-- name: bounds_of_ranges
-- How many ranges there are, derive_ranges or rederive_ranges, and the stretch of time they lie in.
-- gives: range_count, first_start, last_end
-- takes: ranges: any
SELECT count(*) AS range_count, min(from_) AS first_start, max(to_) AS last_end FROM {ranges};

-- name: kinds_of_ranges
-- Which lengths are to be derived from which base lengths, and on which calendars.
-- gives: base_unit, base_length, unit, length, kind, calendars
-- takes: ranges: any
SELECT base_unit, base_length, unit, length, kind, list(DISTINCT calendar) AS calendars
FROM {ranges} GROUP BY ALL;

-- name: block_kinds
-- The calendars and lengths whose blocks of sessions are at hand.
-- gives: calendar, kind
-- takes: coverage_units
SELECT DISTINCT calendar, kind FROM {coverage_units} WHERE kind <> 'session';

-- name: derived_moves
-- The derived intervals of both passes, and how far they were and are derived.
-- makes: derived_moves(interval_id, base_id, old_through, new_through)
-- takes: derive_ranges, rederive_ranges, scope_intervals
CREATE OR REPLACE TEMP TABLE {derived_moves} AS
SELECT d.interval_id, d.base_id, d.derived_through AS old_through, coalesce(t.to_, d.derived_through) AS new_through
FROM {scope_intervals} AS d
LEFT JOIN {derive_ranges} AS t USING (interval_id)
WHERE t.interval_id IS NOT NULL OR d.interval_id IN (SELECT interval_id FROM {rederive_ranges});

-- name: derived_bar_counts
-- The bars the forward pass has added, counted by interval and session. What was derived again before has the same batch
-- and lies below.
-- makes: derived_bar_counts(interval_id, session_date, bar_count, complete_count, first_start, last_start)
-- takes: derive_ranges
-- reads: bar
CREATE OR REPLACE TEMP TABLE {derived_bar_counts} AS
SELECT b.interval_id, b.session_date, count(*) AS bar_count,
       count(*) FILTER (WHERE b.base_count = b.expected_count AND b.base_count > 0) AS complete_count,
       min(b.bar_start) AS first_start, max(b.bar_start) AS last_start
FROM bar AS b
JOIN {derive_ranges} AS t ON t.interval_id = b.interval_id AND b.bar_start >= t.from_
WHERE b.batch_id = $batch_id AND b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
GROUP BY ALL;
