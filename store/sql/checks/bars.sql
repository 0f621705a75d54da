-- Bars that an ordered pass found wrong, each by itself and where it lies, in words.

-- name: duplicate
-- One bar per interval and start.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at, bar_count || ' bars' AS stored, '1 bar' AS expected FROM {found_wrong} AS f;

-- name: impossible
-- Prices are finite and in order, and volume is not negative.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at, concat_ws(' ', open, high, low, close, volume) AS stored,
       'low <= open, close <= high; volume >= 0' AS expected
FROM {found_wrong} AS f;

-- name: unretained
-- No bar lies before retained_from.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at, 'a bar' AS stored, 'no bar before ' || retained_from AS expected FROM {found_wrong} AS f;

-- name: misplaced_intraday
-- Every intraday base bar lies on the grid of the segment the calendar has at its start, or in no session: then on a
-- grid counted from the close before or back from the open after, and overlapping no other. One that was not seen whole
-- counts one less.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at,
       concat_ws(' ', stored_date, stored_segment, stored_span_seconds, stored_base_count, stored_expected_count) AS stored,
       CASE flaw WHEN 1 THEN 'a bar on the grid'
                 WHEN 2 THEN 'a bar on a grid between sessions'
                 WHEN 3 THEN 'a bar that overlaps no other'
                 ELSE concat_ws(' ', right_date, right_segment, right_span_seconds, right_base_count, right_expected_count)
       END AS expected
FROM {found_wrong} AS f;

-- name: misplaced_blocks
-- Every base bar of 1d or more covers its block of sessions, from the first open to the last close.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at,
       concat_ws(' ', stored_start, stored_span_seconds, stored_date, stored_segment, stored_base_count,
                 stored_expected_count) AS stored,
       CASE WHEN flaw > 0 THEN 'no session'
            ELSE concat_ws(' ', right_start, right_span_seconds, right_date, right_segment, right_base_count,
                           right_expected_count) END AS expected
FROM {found_wrong} AS f;
