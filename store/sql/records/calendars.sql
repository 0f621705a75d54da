-- Trading calendars as the store keeps them.

-- name: kept_calendar
-- What the store knows of a calendar: its definition and the dates its sessions are complete for.
-- gives: definition, known_from, known_through
-- reads: trading_calendar
SELECT definition, known_from, known_through FROM trading_calendar WHERE calendar = $calendar;

-- name: calendar_reach
-- A calendar as the store has it, and the earliest date that the blocks of sessions a date lies in can begin with; null
-- where none are in use. Blocks of days are as many sessions long: of which a week has one at least.
-- gives: definition, known_from, known_through, blocks_from
-- reads: calendar_week, trading_calendar, definition
SELECT c.definition, c.known_from, c.known_through,
       (SELECT min(coalesce(block_first_date(k.unit, k.length,
                                             block_number(k.unit, k.length, $date::DATE, 0, k.origin, 0), k.origin),
                            $date::DATE - k.length * 7))
        FROM (SELECT DISTINCT unit, length, first_week(unit, w.origin) AS origin
              FROM definition WHERE calendar = $calendar AND unit <> 'second') AS k
       ) AS blocks_from
FROM trading_calendar AS c
LEFT JOIN calendar_week AS w ON w.calendar = c.calendar AND w.replaced_by IS NULL
WHERE c.calendar = $calendar;

-- name: first_sessions
-- The first session that bars of each calendar have.
-- gives: calendar, first_date
-- reads: definition
SELECT calendar, min(first_session) AS first_date
FROM definition
WHERE NOT derived AND first_session IS NOT NULL AND list_contains($calendars::VARCHAR[], calendar)
GROUP BY calendar
ORDER BY calendar;

-- name: add_calendar
-- A calendar that is new to the store.
-- writes: trading_calendar
INSERT INTO trading_calendar (calendar, definition, known_from, known_through)
VALUES ($calendar, $definition, $known_from, $known_through);

-- name: keep_timezone
-- The zone that a calendar's wall clock is in.
-- writes: calendar_timezone
INSERT OR REPLACE INTO calendar_timezone (calendar, timezone) VALUES ($calendar, $timezone);

-- name: zones
-- The zones that the wall clocks of some calendars are in.
-- gives: timezone
-- reads: calendar_timezone
SELECT timezone FROM calendar_timezone WHERE list_contains($calendars::VARCHAR[], calendar) ORDER BY calendar;

-- name: kept_week
-- Where the weeks of a calendar count from; no row: Monday 1970-01-05.
-- gives: origin
-- reads: calendar_week
SELECT origin FROM calendar_week WHERE calendar = $calendar AND replaced_by IS NULL;

-- name: replace_week
-- Where its weeks counted from until now; the row stays, for the past keeps the weeks it knew.
-- writes: calendar_week
UPDATE calendar_week SET replaced_by = $batch_id WHERE calendar = $calendar AND replaced_by IS NULL;

-- name: keep_week
-- Where its weeks count from.
-- writes: calendar_week
INSERT INTO calendar_week (calendar, origin, batch_id, replaced_by) VALUES ($calendar, $origin, $batch_id, NULL);

-- name: corrections
-- What is said of single sessions of a calendar, or of all calendars, beyond what it says.
-- gives: calendar, session_date, hours, reason
-- reads: calendar_correction
SELECT calendar, session_date, hours, reason FROM calendar_correction
WHERE $calendar::VARCHAR IS NULL OR calendar = $calendar::VARCHAR
ORDER BY calendar, session_date;

-- name: keep_correction
-- What a session is, whatever its calendar says.
-- writes: calendar_correction
INSERT OR REPLACE INTO calendar_correction (calendar, session_date, hours, reason)
VALUES ($calendar, $session_date, $hours, $reason);

-- name: drop_correction
-- A session is as its calendar says again.
-- writes: calendar_correction
DELETE FROM calendar_correction WHERE calendar = $calendar AND session_date = $session_date;

-- name: kept_segments
-- The sessions of a calendar as the store has them, counted.
-- gives: session_date, ordinal, segment, segment_open, segment_close
-- reads: trading_session
SELECT session_date, ordinal, segment, segment_open, segment_close
FROM trading_session
WHERE calendar = $calendar AND replaced_by IS NULL
ORDER BY session_date, segment;

-- name: extend_calendar
-- The dates that a calendar's sessions are now complete for.
-- writes: trading_calendar
UPDATE trading_calendar SET known_from = $known_from, known_through = $known_through WHERE calendar = $calendar;

-- name: add_sessions
-- Sessions outside the dates known so far; what is stored already stays as it is, whatever is computed today.
-- writes: trading_session
-- takes: computed_sessions
INSERT INTO trading_session
    (calendar, session_date, ordinal, segment, segment_open, segment_close, batch_id, replaced_by)
SELECT $calendar, session_date, ordinal, segment, segment_open, segment_close, $batch_id, NULL
FROM {computed_sessions}
WHERE session_date < $known_from OR session_date > $known_through
ORDER BY session_date, segment;

-- name: replace_sessions
-- Sessions that are no longer so; their rows stay, for the past keeps the calendar it knew.
-- writes: trading_session
-- takes: computed_sessions
UPDATE trading_session SET replaced_by = $batch_id
WHERE calendar = $calendar AND replaced_by IS NULL
  AND NOT EXISTS (SELECT 1 FROM {computed_sessions} AS c
                  WHERE c.session_date = trading_session.session_date AND c.ordinal = trading_session.ordinal
                    AND c.segment = trading_session.segment AND c.segment_open = trading_session.segment_open
                    AND c.segment_close = trading_session.segment_close);

-- name: add_changed_sessions
-- Sessions that are new or other than before.
-- writes: trading_session
-- takes: computed_sessions
-- reads: trading_session
INSERT INTO trading_session
    (calendar, session_date, ordinal, segment, segment_open, segment_close, batch_id, replaced_by)
SELECT $calendar, c.session_date, c.ordinal, c.segment, c.segment_open, c.segment_close, $batch_id, NULL
FROM {computed_sessions} AS c
WHERE NOT EXISTS (SELECT 1 FROM trading_session AS t
                  WHERE t.calendar = $calendar AND t.replaced_by IS NULL AND t.session_date = c.session_date
                    AND t.ordinal = c.ordinal AND t.segment = c.segment
                    AND t.segment_open = c.segment_open AND t.segment_close = c.segment_close)
ORDER BY c.session_date, c.segment;

-- name: session_differences
-- How computed sessions differ from those kept: one row per session, with its segments before and after.
-- gives: session_date, before, after
-- takes: computed_sessions
-- reads: trading_session
SELECT coalesce(k.session_date, c.session_date) AS session_date, k.hours AS before, c.hours AS after
FROM (SELECT session_date, string_agg(segment_open || ' to ' || segment_close, ', ' ORDER BY segment) AS hours
      FROM trading_session WHERE calendar = $calendar AND replaced_by IS NULL GROUP BY ALL) AS k
FULL JOIN (SELECT session_date, string_agg(segment_open || ' to ' || segment_close, ', ' ORDER BY segment) AS hours
           FROM {computed_sessions} GROUP BY ALL) AS c ON c.session_date = k.session_date
WHERE k.hours IS DISTINCT FROM c.hours
ORDER BY 1;

-- name: moved_session_count
-- How many sessions keep their hours but not their ordinal, because one came or went before them.
-- gives: session_count
-- takes: computed_sessions
-- reads: trading_session
SELECT count(*) AS session_count
FROM (SELECT DISTINCT session_date, ordinal FROM trading_session
      WHERE calendar = $calendar AND replaced_by IS NULL) AS k
JOIN (SELECT DISTINCT session_date, ordinal FROM {computed_sessions}) AS c USING (session_date)
WHERE k.ordinal <> c.ordinal;

-- name: redefine_calendar
-- The definition of a user's own calendar.
-- writes: trading_calendar
UPDATE trading_calendar SET definition = $definition WHERE calendar = $calendar;

-- name: calendar_names
-- The calendars the store has.
-- gives: calendar
-- reads: trading_calendar
SELECT calendar FROM trading_calendar ORDER BY calendar;

-- name: calendars
-- The calendars the store has: whose they are, when their weeks start, what they are known for, how many symbols they
-- have.
-- gives: calendar, kind, timezone, week_starts, known_from, known_through, symbol_count, definition
-- reads: calendar_timezone, calendar_week, symbol, trading_calendar
SELECT c.calendar, CASE WHEN c.definition IS NULL THEN 'exchange' ELSE 'custom' END AS kind,
       z.timezone, lower(strftime(coalesce(w.origin, DATE '1970-01-05'), '%a')) AS week_starts, c.known_from,
       c.known_through, count(s.symbol_id) AS symbol_count, c.definition
FROM trading_calendar AS c
LEFT JOIN calendar_timezone AS z USING (calendar)
LEFT JOIN calendar_week AS w ON w.calendar = c.calendar AND w.replaced_by IS NULL
LEFT JOIN symbol AS s ON s.calendar = c.calendar AND s.removed_at IS NULL
GROUP BY ALL
ORDER BY c.calendar;

-- name: sessions
-- The sessions of a calendar, one row per segment.
-- gives: session_date, segment, segment_open, segment_close
-- reads: trading_session
SELECT session_date, segment, segment_open, segment_close
FROM trading_session
WHERE calendar = $calendar AND replaced_by IS NULL
  AND ($start::DATE IS NULL OR session_date >= $start::DATE) AND ($end::DATE IS NULL OR session_date < $end::DATE)
ORDER BY session_date, segment;

-- name: zones_of_symbols
-- The zones in which the calendars of symbols are at home, of those removed too.
-- gives: timezone
-- reads: symbol, calendar_timezone
SELECT DISTINCT coalesce(z.timezone, 'UTC') AS timezone
FROM (SELECT symbol, arg_max(calendar, symbol_id) AS calendar FROM symbol
      WHERE list_contains($symbols::VARCHAR[], symbol) GROUP BY symbol)
LEFT JOIN calendar_timezone AS z USING (calendar)
ORDER BY timezone;
