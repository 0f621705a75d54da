-- What schema 0017 changes of the views and macros of 0016.

-- macro: period_months
-- How many months the periods have in which blocks of days begin anew, other than weeks.
CREATE MACRO period_months(unit_) AS
    CASE unit_ WHEN 'day@month' THEN 1 WHEN 'day@quarter' THEN 3 ELSE 12 END;

-- macro: period_number
-- Which week, month, quarter or year since 1970 a date lies in, for blocks of days that begin anew in each; null for all
-- others.
CREATE MACRO period_number(unit_, date_, origin_) AS
    CASE WHEN starts_with(unit_, 'day@')
         THEN floor(CASE WHEN unit_ = 'day@week' THEN (date_ - origin_) / 7
                         ELSE ((year(date_) - 1970) * 12 + month(date_) - 1) / period_months(unit_) END)::INTEGER END;

-- macro: period_first_date
-- The first date of such a period.
CREATE MACRO period_first_date(unit_, period_, origin_) AS
    CASE WHEN unit_ = 'day@week' THEN origin_ + period_ * 7
         ELSE (DATE '1970-01-01' + to_months(period_ * period_months(unit_)))::DATE END;

-- macro: block_number
-- Which block of sessions a session belongs to. Weeks count from their first one (first_week), months from 1970, days from
-- the calendar's session 0, so that no block moves when a calendar is extended; days that begin anew in each period from
-- its first session, of which the ordinal is given, 400 numbers for each period.
CREATE MACRO block_number(unit_, length_, date_, ordinal_, origin_, first_ordinal_) AS
    floor(CASE WHEN unit_ = 'day' THEN ordinal_
               WHEN starts_with(unit_, 'week') THEN floor((date_ - origin_) / 7)
               WHEN starts_with(unit_, 'month') THEN (year(date_) - 1970) * 12 + month(date_) - 1 - first_month(unit_)
               ELSE period_number(unit_, date_, origin_) * 400 * length_ + ordinal_ - first_ordinal_
          END / length_)::INTEGER;

-- macro: block_first_date
-- The first calendar date of a block of weeks or months, a session or none; of days that begin anew in each period that of
-- the period; null for other blocks of days.
CREATE MACRO block_first_date(unit_, length_, block_, origin_) AS
    CASE WHEN unit_ = 'day' THEN NULL
         WHEN starts_with(unit_, 'week') THEN origin_ + block_ * length_ * 7
         WHEN starts_with(unit_, 'month') THEN (DATE '1970-01-01' + to_months(block_ * length_ + first_month(unit_)))::DATE
         ELSE period_first_date(unit_, floor(block_ / 400)::INTEGER, origin_) END;

-- macro: block_last_date
-- The last calendar date that such a block can reach; null for blocks of days.
CREATE MACRO block_last_date(unit_, length_, block_, origin_) AS
    block_first_date(unit_, length_, block_ + CASE WHEN starts_with(unit_, 'day@') THEN 400 ELSE 1 END, origin_) - 1;

-- macro: block_is_known
-- Whether no session can be added to a block: the last date it can reach is known, or it has as many days as it can have.
CREATE MACRO block_is_known(unit_, length_, block_, ends_on_, known_through_, last_ordinal_, first_ordinal_) AS
    CASE WHEN unit_ = 'day' THEN last_ordinal_ = (block_ + 1) * length_ - 1
         ELSE ends_on_ <= known_through_
              OR (starts_with(unit_, 'day@')
                  AND last_ordinal_ - first_ordinal_ = (block_ - floor(block_ / 400) * 400 + 1) * length_ - 1) END;

-- view: calendar_period
-- The first session of each week, month, quarter or year in which blocks of days that are in use begin anew.
CREATE VIEW calendar_period AS
SELECT k.calendar, k.unit, period_number(k.unit, t.session_date, first_week(k.unit, w.origin)) AS period, min(t.ordinal) AS first_ordinal
FROM (SELECT DISTINCT s.calendar, d.unit FROM interval_definition AS d JOIN symbol AS s USING (symbol_id)
      WHERE starts_with(d.unit, 'day@')) AS k
JOIN trading_session AS t ON t.calendar = k.calendar AND t.replaced_by IS NULL
LEFT JOIN calendar_week AS w ON w.calendar = k.calendar AND w.replaced_by IS NULL
GROUP BY ALL;

-- view: calendar_block
-- The blocks of sessions that bars of 1d and longer cover, for each length and base in use. first_date is the
-- first session; begins_on and ends_on are the dates between which blocks of weeks and months lie, sessions or none;
-- known says that no session can be added to the block; expected_count is the room for base bars.
CREATE VIEW calendar_block AS
WITH kind AS (
    SELECT DISTINCT calendar, kind, unit, length, base_unit, base_length FROM definition WHERE unit <> 'second'
),
numbered AS (
    SELECT k.*, t.session_date, t.ordinal, t.segment_open, t.segment_close, c.known_through, p.first_ordinal,
           block_number(k.unit, k.length, t.session_date, t.ordinal, k.origin, p.first_ordinal) AS block,
           CASE WHEN k.base_unit = 'second' THEN slots(t.segment_open, t.segment_close, k.base_length) END AS room,
           CASE WHEN k.base_unit <> 'second'
                THEN block_number(k.base_unit, k.base_length, t.session_date, t.ordinal, k.origin, NULL) END AS base_block
    FROM (SELECT k.*, first_week(k.unit, w.origin) AS origin
          FROM kind AS k
          LEFT JOIN calendar_week AS w ON w.calendar = k.calendar AND w.replaced_by IS NULL) AS k
    JOIN trading_session AS t ON t.calendar = k.calendar AND t.replaced_by IS NULL
    JOIN trading_calendar AS c ON c.calendar = k.calendar
    LEFT JOIN calendar_period AS p ON p.calendar = k.calendar AND p.unit = k.unit
                                  AND p.period = period_number(k.unit, t.session_date, k.origin)
)
SELECT calendar, kind, unit, length, base_unit, base_length, block,
       min(session_date) AS first_date, max(session_date) AS last_date,
       block_first_date(unit, length, block, origin) AS begins_on,
       block_last_date(unit, length, block, origin) AS ends_on,
       min(segment_open) AS block_open, max(segment_close) AS block_close,
       block_is_known(unit, length, block, ends_on, any_value(known_through), max(ordinal), any_value(first_ordinal)) AS known,
       coalesce(sum(room), count(DISTINCT base_block))::INTEGER AS expected_count
FROM numbered
GROUP BY calendar, kind, unit, length, base_unit, base_length, block, origin;

-- macro: pending
-- The derived intervals whose next bucket is closed, and how far they can be derived: a bucket that base bars have
-- reached is closed once they are complete through its end, or once its end is no later than the given instant.
-- An interval that is derived nowhere yet starts with its base's first session. Only the sessions around the instants
-- that base bars are complete through are looked at: as many as the longest block can have, on either side.
CREATE MACRO pending(clock_) AS TABLE
WITH derived_ AS MATERIALIZED (
    SELECT interval_id, symbol_id, base_first, calendar, kind, unit, length, closing_seconds, complete_through,
           derived_through
    FROM definition
    WHERE derived AND complete_through > coalesce(derived_through, beginning())
),
reached AS MATERIALIZED (
    SELECT DISTINCT calendar, kind, unit, length, closing_seconds, complete_through FROM derived_
),
around AS MATERIALIZED (
    SELECT r.calendar, max(t.ordinal) FILTER (WHERE t.segment_open < r.first_) - r.reach AS from_,
           max(t.ordinal) FILTER (WHERE t.segment_open < r.last_) + r.reach AS to_
    FROM (SELECT calendar, min(complete_through) AS first_, max(complete_through) AS last_,
                 1 + max(length * CASE split_part(unit, '@', 1) WHEN 'second' THEN 0 WHEN 'day' THEN 1 WHEN 'week' THEN 7
                                                                              ELSE 31 END) AS reach
          FROM reached GROUP BY calendar) AS r
    JOIN trading_session AS t ON t.calendar = r.calendar AND t.replaced_by IS NULL
    GROUP BY r.calendar, r.reach
),
part AS MATERIALIZED (
    SELECT t.calendar, t.session_date, t.ordinal, t.segment_open, t.segment_close
    FROM trading_session AS t
    JOIN around AS a ON a.calendar = t.calendar AND t.ordinal >= coalesce(a.from_, t.ordinal) AND t.ordinal <= a.to_
    WHERE t.replaced_by IS NULL
),
bucket AS MATERIALIZED (
    SELECT r.*, s.previous_close, s.segment_open AS open_,
           later(s.segment_open, (slots(s.segment_open, least(r.complete_through, s.segment_close), r.length) - 1)
                                 * r.length) AS start_,
           s.segment_close AS close_, s.closes_session AS last_
    FROM reached AS r
    ASOF JOIN (
        SELECT calendar, segment_open, segment_close, lag(segment_close) OVER one_calendar AS previous_close,
               lead(session_date) OVER one_calendar IS DISTINCT FROM session_date AS closes_session
        FROM part
        WINDOW one_calendar AS (PARTITION BY calendar ORDER BY segment_open)
    ) AS s ON s.calendar = r.calendar AND r.complete_through > s.segment_open
    WHERE r.unit = 'second'
),
block AS (
    SELECT calendar, kind, min(segment_open) AS block_open, max(segment_close) AS block_close,
           lag(max(segment_close)) OVER (PARTITION BY calendar, kind ORDER BY min(segment_open)) AS previous_close,
           block_is_known(unit, length, block_, block_last_date(unit, length, block_, origin), any_value(known_through),
                          max(ordinal), any_value(first_ordinal)) AS known
    FROM (
        SELECT k.*, p.* EXCLUDE (calendar), c.known_through, f.first_ordinal,
               block_number(k.unit, k.length, p.session_date, p.ordinal, k.origin, f.first_ordinal) AS block_
        FROM (SELECT DISTINCT r.calendar, r.kind, r.unit, r.length, first_week(r.unit, w.origin) AS origin
              FROM reached AS r
              LEFT JOIN calendar_week AS w ON w.calendar = r.calendar AND w.replaced_by IS NULL
              WHERE r.unit <> 'second') AS k
        JOIN part AS p ON p.calendar = k.calendar
        JOIN trading_calendar AS c ON c.calendar = k.calendar
        LEFT JOIN calendar_period AS f ON f.calendar = k.calendar AND f.unit = k.unit
                                      AND f.period = period_number(k.unit, p.session_date, k.origin)
    )
    GROUP BY calendar, kind, unit, length, block_, origin
),
ended AS MATERIALIZED (
    SELECT calendar, kind, length, closing_seconds, complete_through, least(later(start_, length), close_) AS end_,
           CASE WHEN start_ > open_ THEN start_ ELSE previous_close END AS before_,
           CASE WHEN last_ AND later(start_, length) >= close_ THEN closing_seconds ELSE 0 END AS wait_, true AS known_
    FROM bucket
    UNION ALL
    SELECT r.calendar, r.kind, r.length, r.closing_seconds, r.complete_through, b.block_close, b.previous_close,
           r.closing_seconds, b.known
    FROM reached AS r
    ASOF JOIN block AS b ON b.calendar = r.calendar AND b.kind = r.kind AND r.complete_through > b.block_open
    WHERE r.unit <> 'second'
),
closed AS MATERIALIZED (
    SELECT calendar, kind, length, closing_seconds, complete_through,
           CASE WHEN known_ AND (later(end_, wait_) <= complete_through OR later(end_, wait_) <= clock_)
                THEN end_ ELSE before_ END AS through_
    FROM ended
),
start_ AS MATERIALIZED (
    SELECT t.calendar, t.session_date, min(t.segment_open) AS session_open
    FROM trading_session AS t
    SEMI JOIN (SELECT calendar, base_first AS session_date FROM derived_ WHERE derived_through IS NULL) AS f
              USING (calendar, session_date)
    WHERE t.replaced_by IS NULL
    GROUP BY t.calendar, t.session_date
)
SELECT d.interval_id, d.symbol_id, d.derived_through, c.through_ AS new_through
FROM derived_ AS d
JOIN closed AS c USING (calendar, kind, length, closing_seconds, complete_through)
LEFT JOIN start_ AS s ON s.calendar = d.calendar AND s.session_date = d.base_first AND d.derived_through IS NULL
WHERE c.through_ > coalesce(d.derived_through, s.session_open);
