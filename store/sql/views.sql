-- Macros and views of a store, in the order they are made.
-- What analysts rely on: bars, bars_live, intervals, coverage, gaps, health, batches, vendors, conflicts, revisions,
-- declared_columns, actions, action_revisions, adjustments, bars_adjusted, bars_filled, rolls, roll_revisions, bars_continuous, symbols, rejected, runs, retention, revision_retention, bars_as_of(). One release more: the view history, intervals.updated,
-- health.closed_per_minute.
-- Where a store declares columns, views say what they are for in /*comments*/: store/database/declared_views.py puts
-- something in their place.
-- The others are shared with the data processor and may change. A change here needs a migration that makes it.

-- macro: instant
-- The UTC instant so many microseconds after 1970. Interval arithmetic on TIMESTAMPTZ asks ICU for every row and
-- follows the session's time zone; this does neither.
CREATE MACRO instant(micros_) AS make_timestamptz(micros_);

-- macro: later
-- The instant so many seconds after another.
CREATE MACRO later(from_, seconds_) AS make_timestamptz(epoch_us(from_) + seconds_::BIGINT * 1000000);

-- macro: beginning
-- An instant before every bar; unlike -infinity it is a date in any language.
CREATE MACRO beginning() AS make_timestamptz(-62135510400000000);

-- macro: day_number
-- Which UTC day since 1970-01-01 an instant falls on, from its microseconds; shifted, for // cuts towards zero.
CREATE MACRO day_number(micros_) AS (micros_ + 8640000000000000) // 86400000000 - 100000;

-- macro: nominal_seconds
-- For ordering intervals: a week counts as seven days, a month as thirty.
CREATE MACRO nominal_seconds(unit_, length_) AS
    length_::BIGINT * CASE split_part(unit_, '@', 1) WHEN 'second' THEN 1 WHEN 'day' THEN 86400 WHEN 'week' THEN 604800 ELSE 2592000 END;

-- macro: slots
-- How many bars of a width fit between two instants, the clipped last one included.
CREATE MACRO slots(from_, to_, seconds_) AS
    (greatest(epoch_us(to_) - epoch_us(from_), 0) + seconds_::BIGINT * 1000000 - 1) // (seconds_::BIGINT * 1000000);

-- macro: ended_slots
-- How many bars of a width a segment has room for that have ended by an instant.
CREATE MACRO ended_slots(open_, close_, through_, seconds_) AS
    CASE WHEN through_ >= close_ THEN slots(open_, close_, seconds_)
         ELSE greatest(epoch_us(through_) - epoch_us(open_), 0) // (seconds_::BIGINT * 1000000) END;

-- macro: effective_start
-- Where a base bar of a session counts in time: a closing bar (nothing is expected of it) just before the close it
-- starts at.
CREATE MACRO effective_start(start_, expected_) AS
    CASE WHEN expected_ = 0 THEN make_timestamptz(epoch_us(start_) - 1) ELSE start_ END;

-- macro: first_week
-- The first day of the week that holds Monday 1970-01-05: as the unit says (week@sun), else as the calendar has it (null:
-- that Monday).
CREATE MACRO first_week(unit_, origin_) AS
    CASE WHEN starts_with(unit_, 'week@')
         THEN DATE '1970-01-05' - ((7 - (instr('montuewedthufrisatsun', split_part(unit_, '@', 2)) - 1) // 3) % 7)::INTEGER
         ELSE coalesce(origin_, DATE '1970-01-05') END;

-- macro: first_month
-- How many months after January blocks of months begin: month@oct nine.
CREATE MACRO first_month(unit_) AS
    CASE WHEN starts_with(unit_, 'month@')
         THEN (instr('janfebmaraprmayjunjulaugsepoctnovdec', split_part(unit_, '@', 2)) - 1) // 3 ELSE 0 END;

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

-- macro: vwap_of
-- Turnover over volume, clamped to the bar's range against rounding; null without volume or when a part is unknown.
CREATE MACRO vwap_of(turnover_, volume_, known_, low_, high_) AS
    CASE WHEN known_ AND volume_ > 0
         THEN greatest(low_, least(high_, turnover_::DOUBLE / volume_::DOUBLE)) END;

-- view: calendar_segment
-- Every continuous part of every session, with the close before it.
CREATE VIEW calendar_segment AS
SELECT calendar, session_date, ordinal, segment, segment_open, segment_close,
       lag(segment_close) OVER one_calendar AS previous_close,
       lead(session_date) OVER one_calendar IS DISTINCT FROM session_date AS closes_session
FROM trading_session
WHERE replaced_by IS NULL
WINDOW one_calendar AS (PARTITION BY calendar ORDER BY segment_open);

-- view: calendar_session
-- Every session from its first open to its last close.
CREATE VIEW calendar_session AS
SELECT calendar, session_date, ordinal,
       min(segment_open) AS session_open, max(segment_close) AS session_close
FROM trading_session
WHERE replaced_by IS NULL
GROUP BY calendar, session_date, ordinal;

-- view: definition
-- Every interval of every active symbol, with what its base is and how far that has come. kind says which pieces of
-- time its sessions are accounted by: sessions, or blocks of them for one length and base. Bars before final_before
-- never change, for their base bars are gone (or they are); accounts start with the session of account_from, or with
-- the first that has a bar: first_session, and base_first of the base.
CREATE VIEW definition AS
SELECT d.interval_id, d.symbol_id, s.symbol, s.calendar, d.interval, d.unit, d.length, d.derived, d.base,
       coalesce(b.interval_id, d.interval_id) AS base_id,
       coalesce(b.unit, d.unit) AS base_unit,
       coalesce(b.length, d.length) AS base_length,
       CASE WHEN s.closing_bar = 'include' THEN coalesce(b.length, d.length) ELSE 0 END AS closing_seconds,
       coalesce(b.complete_through, d.complete_through) AS complete_through,
       d.derived_through, d.next_close,
       CASE WHEN d.derived THEN d.derived_through ELSE d.complete_through END AS through,
       CASE WHEN d.unit = 'second' THEN 'session'
            ELSE concat(d.length, d.unit, '/', coalesce(b.length, d.length), coalesce(b.unit, d.unit)) END AS kind,
       d.retained_from, greatest(b.retained_from, d.retained_from) AS final_before,
       greatest(b.retained_date, d.retained_date) AS account_from, d.first_session,
       CASE WHEN d.derived THEN b.first_session ELSE d.first_session END AS base_first, d.quality_pct
FROM interval_definition AS d
JOIN symbol AS s ON s.symbol_id = d.symbol_id AND s.removed_at IS NULL
LEFT JOIN interval_definition AS b ON b.symbol_id = d.symbol_id AND b.interval = d.base;

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

-- view: bars
-- Every bar the store holds now, base and derived.
CREATE VIEW bars AS
SELECT s.symbol, d.interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, b.session_date,
       b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count,
       CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete,
       b.batch_id /*declared*/
FROM bar AS b
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id) /*values of b*/;

-- view: bars_live
-- bars, and the derived bars still forming, computed from the base bars at the moment of asking.
CREATE VIEW bars_live AS
WITH waiting AS (
    SELECT d.symbol, d.interval, d.calendar, d.kind, d.unit, d.length, d.base_length,
           b.bar_start, b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap,
           b.base_count /*list*/
    FROM definition AS d
    JOIN bar AS b ON b.interval_id = d.base_id /*values of b*/
    WHERE d.derived AND b.session_date IS NOT NULL
      AND effective_start(b.bar_start, b.expected_count) >= coalesce(d.derived_through, beginning())
),
placed AS (
    SELECT w.*, t.session_date AS bucket_date, t.segment_close AS limit_,
           later(t.segment_open, least((epoch_us(w.bar_start) - epoch_us(t.segment_open)) // (w.length::BIGINT * 1000000),
                                       slots(t.segment_open, t.segment_close, w.length) - 1) * w.length) AS bucket_start,
           NULL AS room
    FROM waiting AS w
    JOIN trading_session AS t ON t.calendar = w.calendar AND t.session_date = w.session_date
                             AND t.segment = w.segment AND t.replaced_by IS NULL
    WHERE w.unit = 'second'
    UNION ALL
    SELECT w.*, b.first_date, b.block_close, b.block_open, b.expected_count
    FROM waiting AS w
    JOIN calendar_block AS b ON b.calendar = w.calendar AND b.kind = w.kind
                            AND w.session_date BETWEEN b.first_date AND b.last_date
    WHERE w.unit <> 'second'
),
formed AS (
    SELECT symbol, interval, bucket_start,
           any_value(CASE WHEN unit = 'second' THEN least(later(bucket_start, length), limit_) ELSE limit_ END) AS bucket_end,
           any_value(bucket_date) AS session_date,
           arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low, arg_max(close, bar_start) AS close,
           sum(volume::DECIMAL(38, 9)) AS volume,
           CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
           sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
           bool_and(volume = 0 OR vwap IS NOT NULL) AS vwap_known,
           sum(base_count)::INTEGER AS base_count,
           any_value(room) AS room, any_value(base_length) AS base_length /*formed*/
    FROM placed
    GROUP BY symbol, interval, bucket_start
)
SELECT *, false AS forming FROM bars
UNION ALL BY NAME
SELECT symbol, interval, bucket_start AS bar_start, bucket_end AS bar_end, session_date, open, high, low, close,
       volume::DOUBLE AS volume, trade_count, vwap_of(turnover, volume, vwap_known, low, high) AS vwap, base_count,
       coalesce(room, slots(bucket_start, bucket_end, base_length))::INTEGER AS expected_count,
       base_count = coalesce(room, slots(bucket_start, bucket_end, base_length)) AS complete,
       NULL AS batch_id, true AS forming /*named*/
FROM formed;

-- view: intervals
-- Every interval of every active symbol: what it is, what it holds, how far it has come, and how good it is.
-- needs_processing: work is waiting that the clock has no say in; updated says the same in the words of before.
CREATE VIEW intervals AS
SELECT *, needs_processing AS updated FROM (
    SELECT d.symbol, d.interval, d.derived, d.base, d.calendar, i.first_bar, i.last_bar,
           coalesce(i.bar_count, 0) AS bar_count,
           CASE WHEN NOT d.derived THEN d.complete_through END AS complete_through, d.derived_through,
           d.interval_id IN (SELECT interval_id FROM pending(beginning()))
           OR EXISTS (SELECT 1 FROM invalidation AS i
                      WHERE d.derived AND i.interval_id = d.base_id AND i.range_start < d.derived_through
                        AND i.range_end > coalesce(d.final_before, beginning())) AS needs_processing,
           d.quality_pct, coalesce(g.gap_count, 0) AS gap_count
    FROM definition AS d
    JOIN interval_definition AS i USING (interval_id)
    LEFT JOIN (SELECT interval_id, count(*) AS gap_count FROM gap GROUP BY interval_id) AS g USING (interval_id)
);

-- view: coverage
-- How many bars each session should have and has, within the range of its symbol.
CREATE VIEW coverage AS
SELECT d.symbol, d.interval, c.session_date, c.expected_count, c.present_count,
       100.0::DOUBLE * c.present_count / nullif(c.expected_count, 0) AS quality_pct
FROM session_coverage AS c
JOIN definition AS d USING (interval_id);

-- view: gaps
-- Every maximal run of expected bars that are missing (for derived intervals: missing or incomplete), and what it is: the
-- whole session (no bar of it is there), incomplete (some are, but none complete), an edge of the session (it touches
-- the open or close) or its inside.
CREATE VIEW gaps AS
SELECT d.symbol, d.interval, g.session_date, g.gap_start, g.gap_end, g.missing_count,
       CASE WHEN c.present_count = 0
            THEN CASE WHEN sum(g.incomplete_count) OVER (PARTITION BY g.interval_id, g.session_date) = 0
                      THEN 'whole session' ELSE 'incomplete' END
            WHEN g.gap_start = s.session_open OR g.gap_end = s.session_close THEN 'edge'
            ELSE 'inside' END AS kind
FROM gap AS g
JOIN definition AS d USING (interval_id)
JOIN session_coverage AS c USING (interval_id, session_date)
JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = g.session_date;

-- macro: health_at
-- How each active symbol stands at a moment: how far behind its sessions its base bars are, how many derived bars
-- were written in the minute before, how good its base bars are, and how many of its intervals have work waiting.
CREATE MACRO health_at(moment_) AS TABLE
WITH due AS (
    SELECT calendar, max(least(moment_, segment_close)) AS due_through
    FROM trading_session WHERE replaced_by IS NULL AND segment_open <= moment_
    GROUP BY calendar
),
gap_ AS (
    SELECT interval_id, count(*) AS gap_count, sum(missing_count)::BIGINT AS missing_count FROM gap GROUP BY interval_id
),
waiting_ AS (
    SELECT d.symbol_id, count(*) AS waiting_count
    FROM definition AS d
    WHERE d.derived AND (d.interval_id IN (SELECT interval_id FROM pending(later(moment_, -60)))
                         OR EXISTS (SELECT 1 FROM invalidation AS i
                                    WHERE i.interval_id = d.base_id AND i.range_start < d.derived_through))
    GROUP BY d.symbol_id
),
written_ AS (
    SELECT d.symbol_id, count(*) AS derived_count
    FROM batch AS t
    JOIN bar AS b ON b.batch_id = t.batch_id
    JOIN interval_definition AS d ON d.interval_id = b.interval_id AND d.derived
    WHERE t.kind <> 'calendar' AND t.committed_at > later(moment_, -60) AND t.committed_at <= moment_
    GROUP BY d.symbol_id
)
SELECT b.symbol, b.calendar, b.interval AS base, n.interval_count, b.complete_through, due.due_through,
       CASE WHEN b.complete_through IS NOT NULL
            THEN greatest(epoch_us(due.due_through) - epoch_us(b.complete_through), 0) / 1000000.0::DOUBLE END AS lag_seconds,
       coalesce(c.derived_count, 0) AS derived_last_minute, b.quality_pct, coalesce(g.gap_count, 0) AS gap_count,
       coalesce(g.missing_count, 0) AS missing_count, coalesce(w.waiting_count, 0) AS waiting_count,
       derived_last_minute AS closed_per_minute
FROM definition AS b
JOIN (SELECT symbol_id, count(*) AS interval_count FROM definition GROUP BY symbol_id) AS n USING (symbol_id)
LEFT JOIN due USING (calendar)
LEFT JOIN gap_ AS g USING (interval_id)
LEFT JOIN waiting_ AS w USING (symbol_id)
LEFT JOIN written_ AS c USING (symbol_id)
WHERE NOT b.derived;

-- view: health
-- How each active symbol stands now, by the machine's clock.
CREATE VIEW health AS
FROM health_at(now());

-- view: batches
-- Every committed write.
CREATE VIEW batches AS
SELECT batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted, vendor, reverts
FROM batch;

-- view: vendors
-- Whose bars were loaded, with the priority that decides between those that contradict each other.
CREATE VIEW vendors AS
SELECT v.vendor, v.priority, count(b.batch_id) AS batch_count, max(b.committed_at) AS last_loaded_at
FROM vendor AS v
LEFT JOIN batch AS b USING (vendor)
GROUP BY v.vendor, v.priority;

-- view: conflicts
-- Every bar of which a vendor said otherwise than the one of higher priority whose values are kept: the last it offered.
CREATE VIEW conflicts AS
SELECT symbol, interval, bar_start, session_date, kept_vendor, offered_vendor,
       kept_open, offered_open, kept_high, offered_high, kept_low, offered_low, kept_close, offered_close,
       kept_volume, offered_volume, kept_trade_count, offered_trade_count, kept_vwap, offered_vwap,
       kept_batch_id, offered_batch_id
FROM (
    SELECT s.symbol, d.interval, b.bar_start, b.session_date,
           CASE WHEN v.interval_id IS NULL THEN kept.vendor ELSE v.vendor END AS kept_vendor,
           offering.vendor AS offered_vendor,
           b.open AS kept_open, o.open AS offered_open, b.high AS kept_high, o.high AS offered_high,
           b.low AS kept_low, o.low AS offered_low, b.close AS kept_close, o.close AS offered_close,
           b.volume AS kept_volume, o.volume AS offered_volume,
           b.trade_count AS kept_trade_count, o.trade_count AS offered_trade_count,
           b.vwap AS kept_vwap, o.vwap AS offered_vwap, b.batch_id AS kept_batch_id, o.batch_id AS offered_batch_id
    FROM offered_bar AS o
    JOIN bar AS b USING (interval_id, bar_start)
    JOIN interval_definition AS d USING (interval_id)
    JOIN symbol AS s USING (symbol_id)
    JOIN batch AS kept ON kept.batch_id = b.batch_id
    JOIN batch AS offering ON offering.batch_id = o.batch_id
    LEFT JOIN bar_vendor AS v
           ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
    WHERE (b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap)
          IS DISTINCT FROM (o.open, o.high, o.low, o.close, o.volume, o.trade_count, o.vwap)
) AS c
LEFT JOIN vendor AS kept ON kept.vendor = c.kept_vendor
LEFT JOIN vendor AS offering ON offering.vendor = c.offered_vendor
WHERE coalesce(kept.priority, 0) > coalesce(offering.priority, 0);

-- view: revisions
-- The values that were overwritten or deleted, when they were written, and when and by what they went.
CREATE VIEW revisions AS
SELECT s.symbol, d.interval, r.bar_start, later(r.bar_start, r.span_seconds) AS bar_end, r.session_date,
       r.open, r.high, r.low, r.close, r.volume, r.trade_count, r.vwap, r.base_count, r.expected_count,
       r.batch_id, written.committed_at AS written_at,
       r.replaced_by, replacing.committed_at AS replaced_at, replacing.kind AS replaced_kind /*declared*/
FROM bar_revision AS r
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id)
JOIN batch AS written ON written.batch_id = r.batch_id
JOIN batch AS replacing ON replacing.batch_id = r.replaced_by /*values of r*/;

-- view: declared_columns
-- The columns that bars have beyond the usual ones: a row for each symbol that has one, or one row for all symbols.
CREATE VIEW declared_columns AS
SELECT c.name, c.aggregate, s.symbol, c.declared_at
FROM declared_column AS c
LEFT JOIN column_symbol AS o USING (number)
LEFT JOIN symbol AS s USING (symbol_id)
WHERE c.of_all OR (s.symbol_id IS NOT NULL AND s.removed_at IS NULL);

-- view: actions
-- Every corporate action that is known of active symbols: splits, and dividends in cash and in shares.
CREATE VIEW actions AS
SELECT s.symbol, a.ex_date, a.kind, a.ratio, a.amount, a.currency, a.batch_id
FROM corporate_action AS a
JOIN symbol AS s USING (symbol_id);

-- view: action_revisions
-- The values of corporate actions that were overwritten or deleted, when they were written, and when and by what they went.
CREATE VIEW action_revisions AS
SELECT s.symbol, r.ex_date, r.kind, r.ratio, r.amount, r.currency, r.batch_id, written.committed_at AS written_at,
       r.replaced_by, replacing.committed_at AS replaced_at, replacing.kind AS replaced_kind
FROM corporate_action_revision AS r
JOIN symbol AS s USING (symbol_id)
JOIN batch AS written ON written.batch_id = r.batch_id
JOIN batch AS replacing ON replacing.batch_id = r.replaced_by;

-- view: action_step
-- What each ex-date does to what came before it: the factors of bars before it, and the instant from which on bars are
-- after it. Only ex-dates that bars have reached. A dividend counts by the last close before it: of the longest
-- interval of at most one session that has bars, else of the shortest. One that has none has no factor.
CREATE VIEW action_step AS
WITH known AS (
    SELECT s.symbol_id, s.symbol, s.calendar, a.ex_date,
           product(CASE a.kind WHEN 'split' THEN a.ratio WHEN 'stock_dividend' THEN 1 + a.ratio ELSE 1 END) AS ratio,
           sum(a.amount) AS amount
    FROM corporate_action AS a JOIN symbol AS s USING (symbol_id)
    GROUP BY s.symbol_id, s.symbol, s.calendar, a.ex_date
),
edge AS (
    SELECT symbol_id, interval_id, unit, length, retained_from, last_bar,
           unit = 'second' OR (unit = 'day' AND length = 1) AS is_short
    FROM interval_definition
    WHERE last_bar IS NOT NULL AND symbol_id IN (SELECT symbol_id FROM corporate_action)
),
reference AS (
    SELECT symbol_id, interval_id, is_short, retained_from FROM edge
    QUALIFY row_number() OVER (PARTITION BY symbol_id ORDER BY is_short DESC,
        nominal_seconds(unit, length) * CASE WHEN is_short THEN -1 ELSE 1 END) = 1
),
placed AS (
    SELECT k.*, least(greatest(timezone(coalesce(z.timezone, 'UTC'), k.ex_date::TIMESTAMP),
                               instant(epoch_us(b.session_close) + 1)), n.session_open) AS ex_at
    FROM known AS k
    ASOF LEFT JOIN calendar_session AS b ON b.calendar = k.calendar AND k.ex_date > b.session_date
    ASOF LEFT JOIN calendar_session AS n ON n.calendar = k.calendar AND k.ex_date <= n.session_date
    LEFT JOIN calendar_timezone AS z ON z.calendar = k.calendar
),
reached AS (
    SELECT p.*, r.interval_id AS reference_id, r.is_short, r.retained_from AS reference_from
    FROM placed AS p
    JOIN (SELECT symbol_id, max(last_bar) AS last_bar FROM edge GROUP BY symbol_id) AS e USING (symbol_id)
    JOIN reference AS r USING (symbol_id)
    WHERE p.ex_at <= e.last_bar
),
close_ AS (
    SELECT r.symbol_id, b.close,
           CASE WHEN r.is_short THEN effective_start(b.bar_start, b.expected_count)
                ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1) END AS key_
    FROM bar AS b JOIN reference AS r USING (interval_id)
    WHERE b.session_date IS NOT NULL
),
priced AS (
    SELECT p.*, CASE WHEN p.amount IS NULL THEN 1
                     WHEN c.close > 0 AND p.amount < c.close THEN 1 - p.amount / c.close END AS part
    FROM reached AS p
    ASOF LEFT JOIN close_ AS c ON c.symbol_id = p.symbol_id AND p.ex_at > c.key_ AND p.amount IS NOT NULL
)
SELECT symbol_id, symbol, reference_id, is_short, reference_from, ex_date, ex_at,
       list_reduce(list(ratio) OVER later_, lambda x, y: x * y) AS split_factor,
       list_reduce(list(part) OVER later_, lambda x, y: x * y) AS dividend_factor
FROM priced
WINDOW later_ AS (PARTITION BY symbol_id ORDER BY ex_at DESC, ex_date DESC ROWS UNBOUNDED PRECEDING);

-- view: adjustment_stretch
-- The stretches of time of each symbol with actions that have one set of factors. The first begins before every bar.
CREATE VIEW adjustment_stretch AS
WITH step AS MATERIALIZED (
    FROM action_step
)
SELECT symbol_id, symbol, reference_id, is_short, reference_from,
       lag(ex_date) OVER one_symbol AS session_date,
       coalesce(lag(ex_at) OVER one_symbol, beginning()) AS from_at, ex_at AS to_at, split_factor, dividend_factor
FROM step
WINDOW one_symbol AS (PARTITION BY symbol_id ORDER BY ex_at, ex_date)
UNION ALL
SELECT symbol_id, any_value(symbol), any_value(reference_id), any_value(is_short), any_value(reference_from),
       max_by(ex_date, (ex_at, ex_date)), max(ex_at), instant(253402214400000000), 1, 1
FROM step GROUP BY symbol_id;

-- view: adjustments
-- By which factors prices of each symbol with actions are adjusted: a row for each stretch of sessions with one set.
CREATE VIEW adjustments AS
SELECT symbol, session_date, split_factor, dividend_factor,
       dividend_factor / split_factor / first_value(dividend_factor / split_factor) OVER (PARTITION BY symbol ORDER BY to_at)
           AS total_return_factor
FROM adjustment_stretch;

-- view: bars_adjusted
-- bars with prices and volumes as of the shares of the newest bar: prices divided by split_factor and multiplied by
-- dividend_factor, volumes multiplied by split_factor. A bar of several sessions that holds an ex-date is made anew of
-- the adjusted bars of a shorter interval (ex_inside), and has the factors of its end; where one of those has no prices it
-- has none.
CREATE VIEW bars_adjusted AS
WITH stretch AS MATERIALIZED (
    FROM adjustment_stretch
),
placed AS (
    SELECT b.*, d.interval, d.symbol_id, s.symbol,
           CASE WHEN d.unit = 'second' THEN b.bar_start ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1)
                END AS key_
    FROM bar AS b
    JOIN interval_definition AS d USING (interval_id)
    JOIN symbol AS s USING (symbol_id)
),
factored AS (
    SELECT p.*, coalesce(f.split_factor, 1) AS split_factor,
           CASE WHEN f.symbol_id IS NULL THEN 1 ELSE f.dividend_factor END AS dividend_factor,
           coalesce(f.from_at > p.bar_start, false) AS ex_inside, f.reference_id, f.reference_from
    FROM placed AS p
    ASOF LEFT JOIN stretch AS f ON f.symbol_id = p.symbol_id AND p.key_ >= f.from_at
),
part_ AS (
    SELECT p.interval_id, p.bar_start AS piece, b.bar_start, b.open / f.split_factor * f.dividend_factor AS open,
           b.high / f.split_factor * f.dividend_factor AS high, b.low / f.split_factor * f.dividend_factor AS low,
           b.close / f.split_factor * f.dividend_factor AS close, b.volume * f.split_factor AS volume, b.trade_count,
           b.vwap / f.split_factor * f.dividend_factor AS vwap
    FROM (SELECT i.interval_id, i.symbol_id, i.bar_start, i.span_seconds, f.reference_id
          FROM placed AS i
          JOIN (SELECT DISTINCT symbol_id, from_at, reference_id, reference_from FROM stretch) AS f
            ON f.symbol_id = i.symbol_id AND i.bar_start < f.from_at AND i.key_ >= f.from_at
           AND i.bar_start >= coalesce(f.reference_from, beginning())
          GROUP BY ALL) AS p
    JOIN bar AS b ON b.interval_id = p.reference_id AND b.bar_start >= p.bar_start
                 AND b.bar_start < later(p.bar_start, p.span_seconds) AND b.session_date IS NOT NULL
    JOIN stretch AS f
      ON f.symbol_id = p.symbol_id
     AND CASE WHEN f.is_short THEN b.bar_start ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1) END
         >= f.from_at
     AND CASE WHEN f.is_short THEN b.bar_start ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1) END
         < f.to_at
),
made AS (
    SELECT interval_id, piece, count(close) = count(*) AS prices_known,
           CASE WHEN prices_known THEN arg_min(open, bar_start) END AS open,
           CASE WHEN prices_known THEN max(high) END AS high,
           CASE WHEN prices_known THEN min(low) END AS low,
           CASE WHEN prices_known THEN arg_max(close, bar_start) END AS close,
           sum(volume::DECIMAL(38, 9)) AS volume,
           CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
           sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
           bool_and(volume = 0 OR vwap IS NOT NULL) AND prices_known AS vwap_known,
           true AS found
    FROM part_ GROUP BY interval_id, piece
)
SELECT p.symbol, p.interval, p.bar_start, later(p.bar_start, p.span_seconds) AS bar_end, p.session_date,
       CASE WHEN m.found THEN m.open ELSE p.open / p.split_factor * p.dividend_factor END AS open,
       CASE WHEN m.found THEN m.high ELSE p.high / p.split_factor * p.dividend_factor END AS high,
       CASE WHEN m.found THEN m.low ELSE p.low / p.split_factor * p.dividend_factor END AS low,
       CASE WHEN m.found THEN m.close ELSE p.close / p.split_factor * p.dividend_factor END AS close,
       CASE WHEN m.found THEN m.volume::DOUBLE ELSE p.volume * p.split_factor END AS volume,
       CASE WHEN m.found THEN m.trade_count ELSE p.trade_count END AS trade_count,
       CASE WHEN m.found THEN vwap_of(m.turnover, m.volume, m.vwap_known, m.low, m.high)
            ELSE p.vwap / p.split_factor * p.dividend_factor END AS vwap,
       p.base_count, p.expected_count,
       CASE WHEN p.expected_count > 0 THEN p.base_count = p.expected_count END AS complete,
       p.batch_id /*declared*/, p.split_factor, p.dividend_factor, p.ex_inside
FROM factored AS p
LEFT JOIN made AS m ON m.interval_id = p.interval_id AND m.piece = p.bar_start AND p.ex_inside /*values of p*/;

-- view: bars_filled
-- bars, and those that sessions have room for between the first and the last of their interval and that are not there:
-- filled, with the close before them as every price, and a volume of 0.
CREATE VIEW bars_filled AS
WITH edge AS MATERIALIZED (
    SELECT d.*, b.first_bar, b.last_bar
    FROM definition AS d
    JOIN (SELECT interval_id, min(bar_start) AS first_bar, max(bar_start) AS last_bar FROM bar
          WHERE session_date IS NOT NULL GROUP BY interval_id) AS b USING (interval_id)
),
slot AS (
    SELECT e.interval_id, later(t.segment_open, n.number * e.length) AS bar_start,
           least(later(t.segment_open, (n.number + 1) * e.length), t.segment_close) AS bar_end, t.session_date,
           slots(later(t.segment_open, n.number * e.length),
                 least(later(t.segment_open, (n.number + 1) * e.length), t.segment_close), e.base_length) AS expected_count,
           e.first_bar, e.last_bar
    FROM edge AS e
    JOIN trading_session AS t ON t.calendar = e.calendar AND t.replaced_by IS NULL
                             AND t.segment_close > e.first_bar AND t.segment_open < e.last_bar,
         unnest(range(slots(t.segment_open, t.segment_close, e.length))) AS n(number)
    WHERE e.unit = 'second'
    UNION ALL
    SELECT e.interval_id, c.block_open, c.block_close, c.first_date, c.expected_count, e.first_bar, e.last_bar
    FROM edge AS e
    JOIN calendar_block AS c ON c.calendar = e.calendar AND c.kind = e.kind
    WHERE e.unit <> 'second' AND c.block_open > e.first_bar AND c.block_open < e.last_bar
),
missing AS (
    SELECT s.* FROM slot AS s ANTI JOIN bar AS b USING (interval_id, bar_start)
    WHERE s.bar_start > s.first_bar AND s.bar_start < s.last_bar
)
SELECT *, false AS filled FROM bars
UNION ALL BY NAME
SELECT e.symbol, e.interval, m.bar_start, m.bar_end, m.session_date, b.close AS open, b.close AS high, b.close AS low,
       b.close, 0::DOUBLE AS volume, NULL::BIGINT AS trade_count, NULL::DOUBLE AS vwap, 0::INTEGER AS base_count,
       m.expected_count::INTEGER AS expected_count, false AS complete, NULL::BIGINT AS batch_id, true AS filled
FROM missing AS m
JOIN edge AS e USING (interval_id)
ASOF JOIN (SELECT interval_id, bar_start, close FROM bar WHERE session_date IS NOT NULL) AS b
       ON b.interval_id = m.interval_id AND m.bar_start > b.bar_start;

-- view: symbols
-- Every name of every active symbol: that of today, those it had before, and aliases, each with the sessions it is valid for.
CREATE VIEW symbols AS
SELECT s.symbol, coalesce(n.name, s.symbol) AS name,
       CASE WHEN n.is_alias THEN 'alias' WHEN n.valid_to IS NOT NULL THEN 'former' ELSE 'name' END AS kind,
       n.valid_from, n.valid_to, n.vendor, s.calendar, s.closing_bar, s.added_by, s.registered_at,
       nullif(n.batch_id, 0) AS batch_id
FROM symbol AS s
LEFT JOIN (SELECT symbol_id, name, is_alias, vendor, valid_from, valid_to, batch_id FROM symbol_name
           WHERE replaced_by IS NULL
           UNION ALL
           SELECT symbol_id, symbol, false, NULL, NULL, NULL, NULL FROM symbol
           WHERE symbol_id NOT IN (SELECT symbol_id FROM symbol_name WHERE NOT is_alias AND replaced_by IS NULL)) AS n
       USING (symbol_id)
WHERE s.removed_at IS NULL;

-- view: rejected
-- Every row that a load did not take, as it was given, and why.
CREATE VIEW rejected AS
SELECT r.batch_id, b.source, b.committed_at, r.file_row, r.given, r.reason
FROM rejected_bar AS r
JOIN batch AS b USING (batch_id);

-- view: runs
-- Every run of a coordinator (backtest, live, nightly): how far it has come, and how it ended.
CREATE VIEW runs AS
SELECT run_id, mode, name, state, cursor, pid, started_at, updated_at, ended_at, error
FROM session_run;

-- view: retention
-- The intervals whose oldest bars are gone or final: bars before retained_from were purged (null: none), the last of
-- them at purged_at, and bars_as_of() of an earlier moment lacks them; bars before final_before never change.
CREATE VIEW retention AS
SELECT s.symbol, d.interval, d.retained_from,
       CASE WHEN s.removed_at IS NULL THEN greatest(base.retained_from, d.retained_from) END AS final_before,
       d.purged_before, b.committed_at AS purged_at
FROM interval_definition AS d
JOIN symbol AS s USING (symbol_id)
LEFT JOIN interval_definition AS base ON base.symbol_id = d.symbol_id AND base.interval = d.base
LEFT JOIN batch AS b ON b.batch_id = d.purged_by
WHERE greatest(base.retained_from, d.retained_from) IS NOT NULL;

-- view: revision_retention
-- One row: since when all revisions are kept (null: since ever), and when older ones were purged last. bars_as_of() of a
-- moment before kept_from is an error.
CREATE VIEW revision_retention AS
SELECT max(h.kept_from) AS kept_from, max(b.committed_at) AS purged_at
FROM history_start AS h
JOIN batch AS b USING (batch_id);

-- view: history
-- What revision_retention was called before.
CREATE VIEW history AS
SELECT kept_from FROM revision_retention;

-- macro: zoned
-- An instant as it was given: a TIMESTAMPTZ, or text that says its zone as UTC, GMT, Z, an offset or an IANA name such as
-- Europe/London. A date, or a time without a zone, would mean another instant in each session's time zone, and an
-- abbreviation such as BST stands for several zones: both are errors.
CREATE MACRO zoned(given_) AS
    CASE WHEN typeof(given_) = 'TIMESTAMP WITH TIME ZONE' THEN given_::TIMESTAMPTZ
         WHEN typeof(given_) = 'VARCHAR'
              AND regexp_matches(given_::VARCHAR, ':[0-9.]+ ?((?i:Z|UTC|GMT|[A-Z_]+/[A-Z0-9_/+-]+)|[+-][0-9]{2}(:?[0-9]{2}){0,2})$')
         THEN given_::TIMESTAMPTZ
         ELSE error('an instant with its zone is needed, such as TIMESTAMPTZ ''2024-11-29 14:30:00+00'', not '
                    || coalesce(given_::VARCHAR, 'NULL')) END;

-- macro: names_at
-- What each symbol was called after a batch, with its name of today and when it was registered; none of one that another
-- symbol was called then. Those that were registered later are among them.
CREATE MACRO names_at(batch_) AS TABLE
WITH called AS (
    SELECT symbol_id, name FROM symbol_name
    WHERE NOT is_alias AND valid_to IS NULL AND batch_id <= batch_ AND (replaced_by IS NULL OR replaced_by > batch_)
)
SELECT s.symbol_id, coalesce(c.name, s.symbol) AS name, s.symbol, s.registered_at
FROM symbol AS s
LEFT JOIN called AS c USING (symbol_id)
WHERE c.name IS NOT NULL OR s.symbol NOT IN (SELECT name FROM called);

-- macro: bars_as_of
-- bars as the store knew them at an instant of its own clock, by the names of then: a TIMESTAMPTZ, or text with its
-- zone; an error for an instant before history is kept.
CREATE MACRO bars_as_of(moment_) AS TABLE
WITH asked AS (
    SELECT zoned(moment_) AS instant_
),
known AS (
    SELECT CASE WHEN a.instant_ < h.kept_from
                THEN error('history is kept from ' || h.kept_from || ' on; ask for that instant or a later one')
                ELSE (SELECT coalesce(max(batch_id), 0) FROM batch WHERE committed_at <= a.instant_) END AS batch_id
    FROM revision_retention AS h, asked AS a
),
then_ AS (
    SELECT b.* FROM bar AS b, known WHERE b.batch_id <= known.batch_id
    UNION ALL BY NAME
    SELECT r.* EXCLUDE (replaced_by) FROM bar_revision AS r, known
    WHERE r.batch_id <= known.batch_id AND r.replaced_by > known.batch_id
),
named AS (
    SELECT n.symbol_id, n.name FROM symbol_name AS n, known
    WHERE NOT n.is_alias AND n.valid_to IS NULL AND n.batch_id <= known.batch_id
      AND (n.replaced_by IS NULL OR n.replaced_by > known.batch_id)
)
SELECT coalesce(n.name, s.symbol) AS symbol, d.interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, b.session_date,
       b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count,
       CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete,
       b.batch_id /*declared*/
FROM then_ AS b
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id)
LEFT JOIN named AS n USING (symbol_id) /*values of b*/;

-- view: rolls
-- From which session on each contract of a continuous future is the one that counts.
CREATE VIEW rolls AS
SELECT f.symbol, s.symbol AS contract, r.session_date, r.decided_on, r.difference, r.ratio, r.batch_id
FROM roll AS r
JOIN continuous_future AS f USING (future_id)
JOIN symbol AS s USING (symbol_id)
WHERE f.removed_at IS NULL;

-- view: roll_revisions
-- Rolls as they were before they were moved, got other closes, or went.
CREATE VIEW roll_revisions AS
SELECT f.symbol, s.symbol AS contract, r.session_date, r.decided_on, r.difference, r.ratio, r.batch_id, r.replaced_by,
       t.committed_at AS replaced_at
FROM roll_revision AS r
JOIN continuous_future AS f USING (future_id)
JOIN symbol AS s USING (symbol_id)
JOIN batch AS t ON t.batch_id = r.replaced_by;

-- view: contract_stretch
-- From which session on, and up to which, each contract counts, and what brings its prices to those of the newest: the
-- product of the ratios, or the sum of the differences, of all later rolls. Null where one of them is not known.
CREATE VIEW contract_stretch AS
WITH following AS (
    SELECT f.future_id, f.symbol, f.adjustment, r.symbol_id,
           coalesce(r.session_date, DATE '0001-01-01') AS from_date,
           coalesce(lead(r.session_date) OVER one_future, DATE '9999-12-31') AS to_date,
           lead(r.symbol_id) OVER one_future AS next_id,
           lead(r.difference) OVER one_future AS difference, lead(r.ratio) OVER one_future AS ratio
    FROM roll AS r JOIN continuous_future AS f USING (future_id)
    WHERE f.removed_at IS NULL
    WINDOW one_future AS (PARTITION BY r.future_id ORDER BY r.session_date NULLS FIRST)
)
SELECT c.future_id, c.symbol, c.symbol_id, c.from_date, c.to_date, n.session_open AS from_at, e.session_open AS to_at,
       CASE WHEN c.adjustment = 'ratio'
            THEN list_reduce(list(CASE WHEN c.next_id IS NULL THEN 1 ELSE c.ratio END) OVER later_, lambda x, y: x * y)
            ELSE 1 END AS price_factor,
       CASE WHEN c.adjustment = 'difference'
            THEN list_reduce(list(CASE WHEN c.next_id IS NULL THEN 0 ELSE c.difference END) OVER later_, lambda x, y: x + y)
            ELSE 0 END AS price_shift
FROM following AS c
JOIN symbol AS s USING (symbol_id)
LEFT JOIN calendar_session AS n ON n.calendar = s.calendar AND n.session_date = c.from_date
LEFT JOIN calendar_session AS e ON e.calendar = s.calendar AND e.session_date = c.to_date
WINDOW later_ AS (PARTITION BY c.future_id ORDER BY c.from_date DESC ROWS UNBOUNDED PRECEDING);

-- view: bars_continuous
-- The bars in sessions of the contract that counts at the time, with prices brought to those of the newest contract as the
-- future says. A bar of several sessions inside of which a roll lies is made of the bars of both contracts (roll_inside).
CREATE VIEW bars_continuous AS
WITH stretch AS MATERIALIZED (
    FROM contract_stretch
),
held AS (
    SELECT c.*, s.symbol AS contract, d.interval_id, d.interval, d.unit, d.length,
           d.unit = 'second' OR (d.unit = 'day' AND d.length = 1) AS is_short
    FROM stretch AS c
    JOIN interval_definition AS d USING (symbol_id)
    JOIN symbol AS s USING (symbol_id)
),
reference AS (
    SELECT h.future_id, h.symbol_id, arg_max(h.interval_id, nominal_seconds(h.unit, h.length)) AS reference_id
    FROM held AS h JOIN interval_definition AS d USING (interval_id)
    WHERE h.is_short AND d.last_bar IS NOT NULL
    GROUP BY h.future_id, h.symbol_id
),
short_ AS (
    SELECT h.*, b.* EXCLUDE (interval_id), false AS roll_inside
    FROM held AS h JOIN bar AS b USING (interval_id)
    WHERE h.is_short AND b.session_date >= h.from_date AND b.session_date < h.to_date
),
block_ AS (
    SELECT h.*, b.* EXCLUDE (interval_id),
           coalesce(h.from_at > b.bar_start, false) OR coalesce(h.to_at < later(b.bar_start, b.span_seconds), false)
               AS roll_inside
    FROM held AS h JOIN bar AS b USING (interval_id)
    WHERE NOT h.is_short AND b.session_date < h.to_date
      AND (h.from_at IS NULL OR later(b.bar_start, b.span_seconds) > h.from_at)
    QUALIFY row_number() OVER (PARTITION BY h.future_id, h.interval, b.bar_start ORDER BY h.from_date DESC) = 1
),
part_ AS (
    SELECT k.future_id, k.interval, k.bar_start AS piece, b.bar_start, b.open * c.price_factor + c.price_shift AS open,
           b.high * c.price_factor + c.price_shift AS high, b.low * c.price_factor + c.price_shift AS low,
           b.close * c.price_factor + c.price_shift AS close, b.volume, b.trade_count,
           b.vwap * c.price_factor + c.price_shift AS vwap, b.base_count
    FROM block_ AS k
    JOIN stretch AS c ON c.future_id = k.future_id
    JOIN reference AS r ON r.future_id = c.future_id AND r.symbol_id = c.symbol_id
    JOIN bar AS b ON b.interval_id = r.reference_id AND b.bar_start >= k.bar_start
                 AND b.bar_start < later(k.bar_start, k.span_seconds)
                 AND b.session_date >= c.from_date AND b.session_date < c.to_date
    WHERE k.roll_inside
),
made AS (
    SELECT future_id, interval, piece, CASE WHEN known THEN open END AS open, CASE WHEN known THEN high END AS high,
           CASE WHEN known THEN low END AS low, CASE WHEN known THEN close END AS close, volume, trade_count,
           CASE WHEN known THEN vwap_of(turnover, volume, vwap_known, low, high) END AS vwap, base_count
    FROM (
        SELECT future_id, interval, piece, arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low,
               arg_max(close, bar_start) AS close, sum(volume::DECIMAL(38, 9)) AS volume,
               CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
               sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
               bool_and(volume = 0 OR vwap IS NOT NULL) AS vwap_known, bool_and(open IS NOT NULL) AS known,
               sum(base_count)::INTEGER AS base_count
        FROM part_ GROUP BY future_id, interval, piece
    )
)
SELECT p.symbol, p.interval, p.bar_start, later(p.bar_start, p.span_seconds) AS bar_end, p.session_date,
       CASE WHEN p.roll_inside THEN m.open ELSE p.open * p.price_factor + p.price_shift END AS open,
       CASE WHEN p.roll_inside THEN m.high ELSE p.high * p.price_factor + p.price_shift END AS high,
       CASE WHEN p.roll_inside THEN m.low ELSE p.low * p.price_factor + p.price_shift END AS low,
       CASE WHEN p.roll_inside THEN m.close ELSE p.close * p.price_factor + p.price_shift END AS close,
       CASE WHEN p.roll_inside THEN m.volume::DOUBLE ELSE p.volume END AS volume,
       CASE WHEN p.roll_inside THEN m.trade_count ELSE p.trade_count END AS trade_count,
       CASE WHEN p.roll_inside THEN m.vwap ELSE p.vwap * p.price_factor + p.price_shift END AS vwap,
       CASE WHEN p.roll_inside THEN m.base_count ELSE p.base_count END AS base_count, p.expected_count,
       CASE WHEN p.roll_inside THEN m.base_count ELSE p.base_count END = p.expected_count AS complete,
       p.batch_id, p.contract, p.price_factor, p.price_shift, p.roll_inside
FROM (FROM short_ UNION ALL BY NAME FROM block_) AS p
LEFT JOIN made AS m ON p.roll_inside AND m.future_id = p.future_id AND m.interval = p.interval AND m.piece = p.bar_start;
