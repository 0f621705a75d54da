-- The segments to read of each base, and where the bars of each interval can lie in them.

-- name: sessions_to_read_again
-- The sessions whose base bars have to be read again: those that ranges cover.
-- makes: sessions_to_read(base_id, calendar, session_date)
-- takes: rederive_ranges, coverage_units
CREATE OR REPLACE TEMP TABLE {sessions_to_read} AS
SELECT DISTINCT t.base_id, t.calendar, t.session_date
FROM (SELECT base_id, calendar,
             unnest(generate_series(session_date, last_date, INTERVAL 1 DAY))::DATE AS session_date
      FROM (SELECT DISTINCT base_id, calendar, session_date, last_date FROM {rederive_ranges}
            WHERE base_unit = $base_unit AND base_length = $base_length)) AS t
SEMI JOIN (FROM {coverage_units} WHERE kind = 'session') AS s
       ON s.calendar = t.calendar AND s.first_date = t.session_date;

-- name: sessions_to_read
-- The sessions whose base bars have to be read going forward, where the ranges of one base start and end close
-- together. Thousands of bases share few of them, so sessions are looked for once per range.
-- makes: sessions_to_read(base_id, calendar, session_date)
-- takes: derive_ranges, scope_intervals, coverage_units
CREATE OR REPLACE TEMP TABLE {sessions_to_read} AS
WITH reaching AS MATERIALIZED (
    SELECT t.base_id, t.calendar, t.from_, t.to_, d.first_session AS first_date
    FROM (SELECT base_id, calendar, base_unit, base_length, min(from_) AS from_, max(to_) AS to_
          FROM {derive_ranges} GROUP BY ALL) AS t
    JOIN {scope_intervals} AS d ON d.interval_id = t.base_id AND d.first_session IS NOT NULL
    WHERE t.base_unit = $base_unit AND t.base_length = $base_length
),
reached AS MATERIALIZED (
    SELECT t.*, s.first_date AS session_date
    FROM (SELECT DISTINCT calendar, from_, to_, first_date FROM reaching) AS t
    JOIN {coverage_units} AS s ON s.calendar = t.calendar AND s.kind = 'session' AND s.first_date >= t.first_date
                             AND s.open_ < t.to_ AND s.close_ > t.from_
                             AND s.open_ < $last_end::TIMESTAMPTZ AND s.close_ > $first_start::TIMESTAMPTZ
)
SELECT DISTINCT t.base_id, t.calendar, s.session_date
FROM reaching AS t JOIN reached AS s USING (calendar, from_, to_, first_date);

-- name: numbered_segments
-- The segments of those sessions, and of those that the blocks they belong to begin with, numbered in the order of time.
-- makes: numbered_segments(number, calendar, session_date, segment, open_us, close_us)
-- takes: sessions_to_read, coverage_units
-- reads: trading_session
CREATE OR REPLACE TEMP TABLE {numbered_segments} AS
SELECT row_number() OVER (ORDER BY t.calendar, t.segment_open) AS number, t.calendar, t.session_date, t.segment,
       epoch_us(t.segment_open) AS open_us, epoch_us(t.segment_close) AS close_us
FROM (
    SELECT s.calendar, least(s.first_date, min(p.first_date)) AS first_date, s.last_date
    FROM (SELECT calendar, min(session_date) AS first_date, max(session_date) AS last_date
          FROM {sessions_to_read} GROUP BY calendar) AS s
    LEFT JOIN {coverage_units} AS p ON p.calendar = s.calendar AND p.kind <> 'session'
                                   AND p.first_date <= s.first_date AND p.last_date >= s.first_date
    GROUP BY s.calendar, s.first_date, s.last_date
) AS s
JOIN trading_session AS t ON t.calendar = s.calendar AND t.session_date BETWEEN s.first_date AND s.last_date
                         AND t.replaced_by IS NULL;

-- name: segments_to_read
-- The segments to read of each base, each with the key its buckets begin with.
-- makes: segments_to_read(base_id, session_date, segment, open_us, close_us, key)
-- takes: sessions_to_read, numbered_segments
CREATE OR REPLACE TEMP TABLE {segments_to_read} AS
SELECT s.base_id, p.session_date, p.segment, p.open_us, p.close_us, (b.number << 41) + (p.number << 20) AS key
FROM {sessions_to_read} AS s
JOIN (SELECT base_id, row_number() OVER (ORDER BY base_id) AS number
      FROM (SELECT DISTINCT base_id FROM {sessions_to_read})) AS b USING (base_id)
JOIN {numbered_segments} AS p USING (calendar, session_date);

-- name: intraday_ranges
-- Where the bars of each interval can lie: the segments read of its base, by the beginning of their keys (a key
-- without its bucket), and the stretch of time that all its ranges lie in.
-- makes: intraday_ranges(prefix, session_date, segment, open_us, close_us, base_id, interval_id, length, from_us,
-- to_us)
-- takes: derive_ranges, segments_to_read
CREATE OR REPLACE TEMP TABLE {intraday_ranges} AS
SELECT s.key >> 20 AS prefix, s.session_date, s.segment, s.open_us, s.close_us, t.*
FROM (SELECT base_id, interval_id, length, epoch_us(min(from_)) AS from_us, epoch_us(max(to_)) AS to_us
      FROM {derive_ranges} WHERE unit = 'second' GROUP BY ALL) AS t
JOIN {segments_to_read} AS s USING (base_id);

-- name: intraday_ranges_again
-- The same where ranges are in single sessions: only the segments of these.
-- makes: intraday_ranges(prefix, session_date, segment, open_us, close_us, base_id, interval_id, length, from_us,
-- to_us)
-- takes: rederive_ranges, segments_to_read
CREATE OR REPLACE TEMP TABLE {intraday_ranges} AS
SELECT s.key >> 20 AS prefix, s.session_date, s.segment, s.open_us, s.close_us, t.* EXCLUDE (session_date)
FROM (SELECT base_id, interval_id, length, session_date, epoch_us(min(from_)) AS from_us, epoch_us(max(to_)) AS to_us
      FROM {rederive_ranges} WHERE unit = 'second' GROUP BY ALL) AS t
JOIN {segments_to_read} AS s USING (base_id, session_date);

-- name: block_ranges
-- The intervals of 1d and longer to make bars of, each with the number of its base and the stretch of time its
-- ranges lie in.
-- makes: block_ranges(interval_id, kind, base_number, from_, to_)
-- takes: segments_to_read, ranges: any
CREATE OR REPLACE TEMP TABLE {block_ranges} AS
SELECT t.interval_id, t.kind, b.number AS base_number, min(t.from_) AS from_, max(t.to_) AS to_
FROM {ranges} AS t
JOIN (SELECT base_id, min(key) >> 41 AS number FROM {segments_to_read} GROUP BY base_id) AS b USING (base_id)
WHERE t.unit <> 'second'
GROUP BY ALL;

-- name: first_segments
-- For each segment the one that its block of sessions begins with, for one length.
-- makes: first_segments(number, first_number)
-- takes: numbered_segments, coverage_units
CREATE OR REPLACE TEMP TABLE {first_segments} AS
SELECT p.number, f.number AS first_number
FROM {numbered_segments} AS p
ASOF JOIN (FROM {coverage_units} WHERE kind = $kind) AS k ON k.calendar = p.calendar AND p.session_date >= k.first_date
JOIN (SELECT calendar, session_date, min(number) AS number FROM {numbered_segments} GROUP BY ALL) AS f
  ON f.calendar = k.calendar AND f.session_date = k.first_date;
