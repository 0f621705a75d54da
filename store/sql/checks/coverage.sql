-- Coverage and gaps that are not what was counted, in words; and quality; and how many bars there are.

-- name: uncovered
-- Coverage says for each session of the range how many bars it should have and has.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at,
       coalesce(stored_present_count || ' of ' || stored_expected_count
                || CASE WHEN times > 1 THEN ', ' || times || ' times' ELSE '' END, 'no row') AS stored,
       coalesce(counted_present_count || ' of ' || counted_expected_count, 'no row') AS expected
FROM {found_wrong} AS f;

-- name: ungapped
-- Every maximal run of missing bars is a gap, and nothing else is.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at,
       coalesce('until ' || stored_end || ', ' || stored_missing_count || ' missing, ' || stored_incomplete_count
                || ' of them there' || CASE WHEN times > 1 THEN ', ' || times || ' times' ELSE '' END, 'no gap') AS stored,
       coalesce('until ' || counted_end || ', ' || counted_missing_count || ' missing, ' || counted_incomplete_count
                || ' of them there', 'no gap') AS expected
FROM {found_wrong} AS f;

-- name: misgraded
-- Quality is what coverage comes to, and so are the sums it is made of.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals
-- reads: interval_definition, session_coverage
SELECT d.interval_id, NULL::TIMESTAMPTZ AS at,
       concat(coalesce(i.quality_pct::VARCHAR, 'none'), ', ', i.present_count, ' of ', i.expected_count, ' from ',
              i.first_session) AS stored,
       concat(coalesce((100.0::DOUBLE * sum(c.present_count) / nullif(sum(c.expected_count), 0))::VARCHAR, 'none'), ', ',
              sum(c.present_count), ' of ', sum(c.expected_count), ' from ', min(c.session_date)) AS expected
FROM {checked_intervals} AS d
JOIN interval_definition AS i USING (interval_id)
LEFT JOIN session_coverage AS c USING (interval_id)
GROUP BY d.interval_id, i.quality_pct, i.present_count, i.expected_count, i.first_session
HAVING stored <> expected;

-- name: miscounted
-- Each interval says how many bars it has, and where the first and the last of them start.
-- gives: interval_id, at, stored, expected
-- takes: checked_intervals, bar_extent
-- reads: interval_definition
SELECT d.interval_id, NULL::TIMESTAMPTZ AS at,
       concat(coalesce(i.bar_count, 0), ' bars, from ', i.first_bar, ' to ', i.last_bar) AS stored,
       concat(coalesce(e.bar_count, 0), ' bars, from ', e.first_bar, ' to ', e.last_bar) AS expected
FROM {checked_intervals} AS d
JOIN interval_definition AS i USING (interval_id)
LEFT JOIN {bar_extent} AS e USING (interval_id)
WHERE stored <> expected;
