-- Keeping trading calendars in the store.

-- name: kept
-- What the store knows of a calendar: its definition and the dates its sessions are complete for.
SELECT definition, known_from, known_through FROM trading_calendar WHERE calendar = $calendar;

-- name: keep
-- A calendar that is new to the store.
INSERT INTO trading_calendar (calendar, definition, known_from, known_through)
VALUES ($calendar, $definition, $known_from, $known_through);

-- name: keep_timezone
-- The zone that a calendar's wall clock is in.
INSERT OR REPLACE INTO calendar_timezone (calendar, timezone) VALUES ($calendar, $timezone);

-- name: know
-- The dates that a calendar's sessions are now complete for.
UPDATE trading_calendar SET known_from = $known_from, known_through = $known_through WHERE calendar = $calendar;

-- name: add_sessions
-- Sessions outside the dates known so far; what is stored already stays as it is, whatever is computed today.
INSERT INTO trading_session
    (calendar, session_date, ordinal, segment, segment_open, segment_close, batch_id, replaced_by)
SELECT $calendar, session_date, ordinal, segment, segment_open, segment_close, $batch_id, NULL
FROM computed_session
WHERE session_date < $known_from OR session_date > $known_through
ORDER BY session_date, segment;

-- name: replace_sessions
-- Sessions that are no longer so; their rows stay, for the past keeps the calendar it knew.
UPDATE trading_session SET replaced_by = $batch_id
WHERE calendar = $calendar AND replaced_by IS NULL
  AND NOT EXISTS (SELECT 1 FROM computed_session AS c
                  WHERE c.session_date = trading_session.session_date AND c.ordinal = trading_session.ordinal
                    AND c.segment = trading_session.segment AND c.segment_open = trading_session.segment_open
                    AND c.segment_close = trading_session.segment_close);

-- name: add_changed_sessions
-- Sessions that are new or other than before.
INSERT INTO trading_session
    (calendar, session_date, ordinal, segment, segment_open, segment_close, batch_id, replaced_by)
SELECT $calendar, c.session_date, c.ordinal, c.segment, c.segment_open, c.segment_close, $batch_id, NULL
FROM computed_session AS c
WHERE NOT EXISTS (SELECT 1 FROM trading_session AS t
                  WHERE t.calendar = $calendar AND t.replaced_by IS NULL AND t.session_date = c.session_date
                    AND t.ordinal = c.ordinal AND t.segment = c.segment
                    AND t.segment_open = c.segment_open AND t.segment_close = c.segment_close)
ORDER BY c.session_date, c.segment;

-- name: differences
-- How computed sessions differ from those kept: one row per session, with its segments before and after.
SELECT coalesce(k.session_date, c.session_date) AS session_date, k.hours AS before, c.hours AS after
FROM (SELECT session_date, string_agg(segment_open || ' to ' || segment_close, ', ' ORDER BY segment) AS hours
      FROM trading_session WHERE calendar = $calendar AND replaced_by IS NULL GROUP BY ALL) AS k
FULL JOIN (SELECT session_date, string_agg(segment_open || ' to ' || segment_close, ', ' ORDER BY segment) AS hours
           FROM computed_session GROUP BY ALL) AS c ON c.session_date = k.session_date
WHERE k.hours IS DISTINCT FROM c.hours
ORDER BY 1;

-- name: count_moved
-- How many sessions keep their hours but not their ordinal, because one came or went before them.
SELECT count(*)
FROM (SELECT DISTINCT session_date, ordinal FROM trading_session
      WHERE calendar = $calendar AND replaced_by IS NULL) AS k
JOIN (SELECT DISTINCT session_date, ordinal FROM computed_session) AS c USING (session_date)
WHERE k.ordinal <> c.ordinal;

-- name: redefine
-- The definition of a user's own calendar.
UPDATE trading_calendar SET definition = $definition WHERE calendar = $calendar;

-- name: names
-- The calendars the store has.
SELECT calendar FROM trading_calendar ORDER BY calendar;

-- name: list
-- The calendars the store has: whose they are, what they are known for, how many symbols they have.
SELECT c.calendar, CASE WHEN c.definition IS NULL THEN 'exchange' ELSE 'custom' END AS kind,
       z.timezone, c.known_from, c.known_through, count(s.symbol_id) AS symbol_count, c.definition
FROM trading_calendar AS c
LEFT JOIN calendar_timezone AS z USING (calendar)
LEFT JOIN symbol AS s ON s.calendar = c.calendar AND s.removed_at IS NULL
GROUP BY ALL
ORDER BY c.calendar;

-- name: sessions
-- The sessions of a calendar, one row per segment.
SELECT session_date, segment, segment_open, segment_close
FROM trading_session
WHERE calendar = $calendar AND replaced_by IS NULL
  AND ($start::DATE IS NULL OR session_date >= $start::DATE) AND ($end::DATE IS NULL OR session_date < $end::DATE)
ORDER BY session_date, segment;
