-- Blocks of sessions, by another way than the schema's: each session with its block.

-- name: session_blocks
-- Each session with the block of sessions it is in.
-- part: session_blocks(calendar, session_date, open_, close_, block_, room_, first_date, block_open, block_close, room)
-- reads: calendar_week, trading_session
SELECT *, min(session_date) OVER one_block AS first_date, min(open_) OVER one_block AS block_open,
       max(close_) OVER one_block AS block_close, sum(room_) OVER one_block AS room
FROM (SELECT s.calendar, s.session_date, min(s.segment_open) AS open_, max(s.segment_close) AS close_,
             {number} AS block_, {room} AS room_
      FROM trading_session AS s
      LEFT JOIN (SELECT calendar, origin FROM calendar_week WHERE replaced_by IS NULL) AS w ON w.calendar = s.calendar
      WHERE s.replaced_by IS NULL GROUP BY s.calendar, s.session_date)
WINDOW one_block AS (PARTITION BY calendar, block_)

-- name: number_of_day
-- Which block of N days: the calendar's ordinals, counted from session 0.
-- part: expression
floor(any_value(s.ordinal) / {length})

-- name: number_of_week
-- Which block of N weeks, from the week of the calendar that holds Monday 1970-01-05.
-- part: expression
floor(date_diff('day', any_value(ifnull(w.origin, DATE '1970-01-05')), s.session_date) / 7 / {length})

-- name: number_of_month
-- Which block of N months, from 1970-01.
-- part: expression
floor(date_diff('month', DATE '1970-01-01', s.session_date) / {length})

-- name: number_of_anchored_week
-- Which block of N weeks that begin on a weekday of their own.
-- part: expression
floor(date_diff('day', {first}::DATE, s.session_date) / 7 / {length})

-- name: number_of_anchored_month
-- Which block of N months that begin in a month of their own.
-- part: expression
floor(date_diff('month', {first}::DATE, s.session_date) / {length})

-- name: number_of_restarting_day
-- Which block of N days, counted anew in each week, month, quarter or year.
-- part: expression
{period} || ' ' || (row_number() OVER (PARTITION BY s.calendar, {period} ORDER BY s.session_date) - 1) // {length}

-- name: period_of_week
-- The week of the calendar that a session is in.
-- part: expression
floor(date_diff('day', any_value(ifnull(w.origin, DATE '1970-01-05')), s.session_date) / 7)

-- name: period_of_month
-- Its month.
-- part: expression
strftime(s.session_date, '%Y-%m')

-- name: period_of_quarter
-- Its quarter.
-- part: expression
year(s.session_date) || '/' || quarter(s.session_date)

-- name: period_of_year
-- Its year.
-- part: expression
strftime(s.session_date, '%Y')

-- name: room_for_bars
-- How many base bars a session has room for, the clipped ones included.
-- part: expression
sum(ceil(((epoch_us(s.segment_close) - epoch_us(s.segment_open)) // 1000000) / $base_length))

-- name: room_for_blocks
-- A session's share of a base bar that covers several: the first of them counts.
-- part: expression
CASE WHEN row_number() OVER (PARTITION BY s.calendar, {base_number} ORDER BY s.session_date) = 1 THEN 1 ELSE 0 END
