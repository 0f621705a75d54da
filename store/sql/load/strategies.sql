-- Strategies of writing: where rows lie among the bars that are there, and what is written there.

-- name: row_ranges
-- The stretch of time that the rows of each interval take up, and their first and last session.
-- part: row_ranges(interval_id, first_start, last_end, first_date, last_date)
-- takes: bar_counts
(SELECT interval_id, min(first_start) AS first_start, max(last_end) AS last_end, min(session_date) AS first_date,
        max(session_date) AS last_date
 FROM {bar_counts} GROUP BY interval_id)

-- name: reach
-- What the rows reach: how many intervals have bars there already, are derived there already, come further with them, or
-- begin with an earlier session; which stretch of time the first of these are in; their first and last session, first and last bar, and their
-- symbols; between which priorities all vendors are, nobody being 0; whether any rows were not taken for them.
-- gives: overlapping_count, derived_count, advancing_count, earlier_count, overlap_start, overlap_end, first_session, last_session,
-- first_bar, last_bar_end, symbols, least_priority, greatest_priority, has_offers
-- takes: base_definitions
-- reads: vendor, offered_bar
SELECT count(*) FILTER (WHERE is_below) AS overlapping_count,
       count(*) FILTER (WHERE first_start <= derived_through) AS derived_count,
       count(*) FILTER (WHERE complete_through IS NULL OR last_end > complete_through) AS advancing_count,
       count(*) FILTER (WHERE first_session IS NULL OR first_date < first_session) AS earlier_count,
       min(first_start) FILTER (WHERE is_below) AS overlap_start, max(last_end) FILTER (WHERE is_below) AS overlap_end,
       min(first_date) AS first_session, max(last_date) AS last_session, min(first_start) AS first_bar,
       max(last_end) AS last_bar_end, coalesce(list(symbol ORDER BY symbol), []) AS symbols,
       least((SELECT min(priority) FROM vendor), 0) AS least_priority,
       greatest((SELECT max(priority) FROM vendor), 0) AS greatest_priority,
       EXISTS (FROM offered_bar) AS has_offers
FROM (SELECT *, first_start < complete_through AS is_below
      FROM {row_ranges} JOIN {base_definitions} USING (interval_id));

-- name: watermark_moves
-- How far each interval of the rows was complete and is now, and the first session of its range before and now.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- takes: base_definitions
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
SELECT interval_id, d.calendar, d.kind, d.length, d.complete_through AS old_through,
       greatest(r.last_end, coalesce(d.complete_through, beginning())) AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, least(d.first_session, r.first_date)) AS new_first
FROM {row_ranges} AS r JOIN {base_definitions} AS d USING (interval_id);

-- name: overlapping_intervals
-- Of intervals that rows came for, those where bars may be already.
-- part: intervals(interval_id)
-- takes: base_definitions
(SELECT interval_id FROM {row_ranges} JOIN {base_definitions} USING (interval_id)
 WHERE first_start < complete_through)

-- name: resent_sessions
-- The sessions the rows belong to, each to be replaced whole; null where rows are in none.
-- makes: resent_sessions(interval_id, session_date)
-- takes: bar_counts
CREATE OR REPLACE TEMP TABLE {resent_sessions} AS
SELECT DISTINCT interval_id, session_date FROM {bar_counts};

-- name: except_rejected
-- A re-sent session does not take away bars of no session, nor those that a refused row stood for.
-- part: condition
-- takes: staged_rows
AND b.session_date IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {staged_rows} AS s
                WHERE s.reason <> '' AND s.interval_id = b.interval_id AND s.bar_start = b.bar_start)

-- name: resent_range
-- The stretch of time that those sessions and the rows take up.
-- gives: first_start, last_end
-- takes: resent_sessions
-- reads: definition, calendar_session
SELECT min(start_) AS first_start, max(end_) AS last_end
FROM (SELECT first_start AS start_, last_end AS end_ FROM {row_ranges}
      UNION ALL
      SELECT s.session_open, later(s.session_close, d.closing_seconds + 1)
      FROM {resent_sessions} AS r JOIN definition AS d USING (interval_id)
      JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = r.session_date);
