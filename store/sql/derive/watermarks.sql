-- How far intervals are derived, and when the next bucket of each closes.

-- name: advance
-- Every interval of the forward pass is derived through the last closed bucket, empty or not.
-- writes: interval_definition
-- takes: derive_ranges
UPDATE interval_definition AS d SET derived_through = t.to_, next_close = n.next_close
FROM {derive_ranges} AS t
LEFT JOIN ({next_close}) AS n ON n.calendar = t.calendar AND n.kind = t.kind AND n.length = t.length AND n.from_ = t.to_
WHERE d.interval_id = t.interval_id;

-- name: next_close
-- When the next bucket closes: it lies in the first segment, or is the first block, that closes after what is derived. A
-- closing bar may keep it open for longer, and so may a calendar that is extended.
-- part: next_close(calendar, kind, length, from_, next_close)
-- reads: trading_session
SELECT w.calendar, w.kind, w.length, w.from_,
       CASE WHEN w.kind <> 'session' THEN s.close_
            ELSE least(later(s.open_, (ended_slots(s.open_, s.close_, w.from_, w.length) + 1) * w.length), s.close_)
       END AS next_close
FROM ({distinct_moves}) AS w
ASOF JOIN (SELECT calendar, 'session' AS kind, segment_open AS open_, segment_close AS close_
           FROM trading_session WHERE replaced_by IS NULL
           {blocks}) AS s
       ON s.calendar = w.calendar AND s.kind = w.kind AND s.close_ > w.from_

-- name: moves_of_ranges
-- From where what is derived goes on.
-- part: distinct_moves(calendar, kind, length, from_)
-- takes: derive_ranges
SELECT DISTINCT calendar, kind, length, to_ AS from_ FROM {derive_ranges}

-- name: look_ahead
-- The same for intervals of which that is not known yet.
-- writes: interval_definition
-- reads: definition, calendar_session
UPDATE interval_definition AS d SET next_close = n.next_close
FROM (
    WITH unknown AS MATERIALIZED (
        SELECT d.interval_id, d.calendar, d.kind, d.length, coalesce(d.derived_through, s.session_open) AS from_
        FROM definition AS d
        LEFT JOIN calendar_session AS s ON d.derived_through IS NULL AND s.calendar = d.calendar
                                       AND s.session_date = d.base_first
        WHERE d.derived AND d.next_close IS NULL AND coalesce(d.derived_through, s.session_open) IS NOT NULL
    )
    SELECT u.interval_id, n.next_close
    FROM unknown AS u JOIN ({next_close}) AS n USING (calendar, kind, length, from_)
) AS n
WHERE d.interval_id = n.interval_id;

-- name: moves_unknown
-- From where those go on.
-- part: distinct_moves(calendar, kind, length, from_)
SELECT DISTINCT calendar, kind, length, from_ FROM unknown

-- name: gathered_blocks
-- The blocks that a transaction has gathered.
-- part: blocks(calendar, kind, open_, close_)
-- takes: coverage_units
UNION ALL
SELECT calendar, kind, open_, close_ FROM {coverage_units} WHERE kind <> 'session'

-- name: all_blocks
-- Every block that is in use.
-- part: blocks(calendar, kind, open_, close_)
-- reads: calendar_block
UNION ALL
SELECT calendar, kind, block_open, block_close FROM calendar_block
