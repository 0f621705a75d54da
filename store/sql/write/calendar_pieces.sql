-- Finding sessions: where in the calendar an instant lies.

-- name: calendar_pieces
-- Time cut at every segment's open and close, one row per UTC day a piece touches, so that an instant finds its
-- segment by an equality. Pieces between segments have no session; they know what they lie between.
-- makes: calendar_pieces(calendar, session_date, segment, closed_date, closed_segment, from_us, to_us, day)
-- takes: calendars: any
-- reads: trading_session
CREATE OR REPLACE TEMP TABLE {calendar_pieces} AS
WITH segment AS (
    SELECT calendar, session_date, segment, segment_open, segment_close,
           lead(segment_open) OVER one_calendar AS next_open,
           lead(session_date) OVER one_calendar IS DISTINCT FROM session_date AS closes_session
    FROM trading_session
    WHERE replaced_by IS NULL AND calendar IN (SELECT calendar FROM {calendars})
      AND session_date BETWEEN $first::DATE - 200 AND $last::DATE + 200
    WINDOW one_calendar AS (PARTITION BY calendar ORDER BY segment_open)
),
piece AS (
    SELECT calendar, session_date, segment, segment_open AS piece_from, segment_close AS piece_to,
           NULL::DATE AS closed_date, NULL::TINYINT AS closed_segment
    FROM segment
    UNION ALL
    SELECT calendar, NULL, NULL, segment_close, next_open,
           CASE WHEN closes_session THEN session_date END, CASE WHEN closes_session THEN segment END
    FROM segment
    WHERE segment_close < next_open
)
SELECT calendar, session_date, segment, closed_date, closed_segment,
       epoch_us(piece_from) AS from_us, epoch_us(piece_to) AS to_us,
       unnest(generate_series(day_number(epoch_us(piece_from)), day_number(epoch_us(piece_to) - 1))) AS day
FROM piece;
