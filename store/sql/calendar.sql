-- Keeping trading calendars in the store.

-- name: kept
-- What the store knows of a calendar: its definition and the dates its sessions are complete for.
SELECT definition, known_from, known_through FROM trading_calendar WHERE calendar = $calendar;

-- name: keep
-- A calendar that is new to the store.
INSERT INTO trading_calendar (calendar, definition, known_from, known_through)
VALUES ($calendar, $definition, $known_from, $known_through);

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
