-- From which session on each contract counts.

-- name: count_futures
-- How many continuous futures are defined.
-- gives: future_count
-- reads: continuous_future
SELECT count(*) AS future_count FROM continuous_future WHERE removed_at IS NULL;

-- name: changed_sessions
-- The first closed session of each future in which bars of its contracts were written, replaced or deleted, or sessions
-- of its calendar were, since its rolls were looked at.
-- gives: future_id, session_date
-- reads: continuous_future, future_contract, interval_definition, symbol, bar, bar_revision, trading_session, calendar_session
WITH closed AS (
    SELECT calendar, max(session_date) AS session_date FROM calendar_session WHERE session_close <= $clock GROUP BY calendar
),
held AS (
    SELECT f.future_id, f.through_batch, d.interval_id, s.calendar, k.session_date AS closed_date
    FROM continuous_future AS f
    JOIN future_contract AS c USING (future_id)
    JOIN symbol AS s USING (symbol_id)
    JOIN closed AS k ON k.calendar = s.calendar
    JOIN interval_definition AS d ON d.symbol_id = c.symbol_id AND NOT d.derived
    WHERE f.removed_at IS NULL
),
touched AS (
    SELECT interval_id, session_date, batch_id FROM bar WHERE batch_id > $least_batch
    UNION ALL SELECT interval_id, session_date, replaced_by FROM bar_revision WHERE replaced_by > $least_batch
)
SELECT future_id, min(session_date) AS session_date
FROM (
    SELECT h.future_id, t.session_date
    FROM held AS h JOIN touched AS t ON t.interval_id = h.interval_id AND t.batch_id > h.through_batch
    WHERE t.session_date <= h.closed_date
    UNION ALL
    SELECT h.future_id, t.session_date
    FROM (SELECT DISTINCT future_id, through_batch, calendar, closed_date FROM held) AS h
    JOIN trading_session AS t ON t.calendar = h.calendar AND greatest(t.batch_id, t.replaced_by) > h.through_batch
    WHERE t.session_date <= h.closed_date
)
GROUP BY future_id;

-- name: sessions_of_calendar
-- The sessions of a calendar, and whether each has closed.
-- gives: session_date, is_closed, session_close
-- reads: calendar_session
SELECT session_date, session_close <= $clock AS is_closed, session_close
FROM calendar_session WHERE calendar = $calendar ORDER BY session_date;

-- name: traded_sessions
-- How much of contracts was traded in each session, and at which price the last time.
-- gives: interval_id, session_date, weight, close
-- reads: bar
SELECT interval_id, session_date, sum(volume::DECIMAL(38, 9)) AS weight, arg_max(close, bar_start) AS close
FROM bar
WHERE list_contains($interval_ids::INTEGER[], interval_id) AND session_date IS NOT NULL
GROUP BY interval_id, session_date;

-- name: number_of_open_interest
-- Which of the declared columns is open interest; null where none is.
-- gives: number
-- reads: declared_column
SELECT max(number) AS number FROM declared_column WHERE name = 'open_interest' AND aggregate = 'last';

-- name: held_sessions
-- How much of contracts was open at the last bar of each session that says it, and at which price they were traded last.
-- gives: interval_id, session_date, weight, close
-- reads: bar, bar_values
SELECT b.interval_id, b.session_date,
       arg_max(v.declared[$number], b.bar_start) FILTER (WHERE v.declared[$number] IS NOT NULL)::DECIMAL(38, 9) AS weight,
       arg_max(b.close, b.bar_start) AS close
FROM bar AS b
LEFT JOIN bar_values AS v ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
WHERE list_contains($interval_ids::INTEGER[], b.interval_id) AND b.session_date IS NOT NULL
GROUP BY b.interval_id, b.session_date;

-- name: rolls_of
-- The rolls of a future.
-- gives: symbol_id, session_date, decided_on, difference, ratio, batch_id
-- reads: roll
SELECT symbol_id, session_date, decided_on, difference, ratio, batch_id FROM roll WHERE future_id = $future_id;

-- name: roll_changes
-- What has to be written for the rolls of a future to be as wanted.
-- makes: roll_changes(future_id, symbol_id, session_date, decided_on, difference, ratio, action)
-- takes: wanted_rolls
-- reads: roll
CREATE OR REPLACE TEMP TABLE {roll_changes} AS
SELECT $future_id::INTEGER AS future_id, coalesce(w.symbol_id, r.symbol_id) AS symbol_id, w.session_date, w.decided_on,
       w.difference, w.ratio,
       CASE WHEN r.symbol_id IS NULL THEN 'insert' WHEN w.symbol_id IS NULL THEN 'delete' ELSE 'revise' END AS action
FROM {wanted_rolls} AS w
FULL JOIN (FROM roll WHERE future_id = $future_id) AS r ON r.symbol_id = w.symbol_id
WHERE r.symbol_id IS NULL OR w.symbol_id IS NULL
   OR (r.session_date, r.decided_on, r.difference, r.ratio) IS DISTINCT FROM
      (w.session_date, w.decided_on, w.difference, w.ratio);

-- name: count_changes
-- How many rolls are new, differ, and go.
-- gives: inserted, revised, deleted
-- takes: roll_changes
SELECT count(*) FILTER (WHERE action = 'insert') AS inserted, count(*) FILTER (WHERE action = 'revise') AS revised,
       count(*) FILTER (WHERE action = 'delete') AS deleted
FROM {roll_changes};

-- name: keep_replaced
-- The values that are replaced become revisions.
-- writes: roll_revision
-- takes: roll_changes
-- reads: roll
INSERT INTO roll_revision
SELECT r.*, $batch_id FROM roll AS r SEMI JOIN {roll_changes} AS c USING (future_id, symbol_id)
ORDER BY r.session_date NULLS FIRST;

-- name: drop_replaced
-- And are there no longer.
-- writes: roll
-- takes: roll_changes
DELETE FROM roll AS r USING {roll_changes} AS c WHERE r.future_id = c.future_id AND r.symbol_id = c.symbol_id;

-- name: add_rolls
-- The new values.
-- writes: roll
-- takes: roll_changes
INSERT INTO roll
SELECT future_id, symbol_id, session_date, decided_on, difference, ratio, $batch_id FROM {roll_changes}
WHERE action <> 'delete' ORDER BY session_date NULLS FIRST;

-- name: followed
-- How far the rolls of a future follow the bars of its contracts.
-- writes: continuous_future
UPDATE continuous_future SET through_batch = $through_batch, look_at = $look_at WHERE future_id = $future_id;

-- name: unfounded_rolls
-- Rolls of futures that are not there, and to contracts that these have not: nothing that anybody decided.
-- makes: roll_changes(future_id, symbol_id, session_date, decided_on, difference, ratio, action)
-- reads: roll, continuous_future, future_contract
CREATE OR REPLACE TEMP TABLE {roll_changes} AS
SELECT future_id, symbol_id, session_date, decided_on, difference, ratio, 'delete' AS action
FROM roll AS r
WHERE NOT EXISTS (SELECT 1 FROM continuous_future AS f JOIN future_contract AS c USING (future_id)
                  WHERE f.removed_at IS NULL AND f.future_id = r.future_id AND c.symbol_id = r.symbol_id);
