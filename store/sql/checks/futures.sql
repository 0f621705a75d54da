-- Continuous futures: each contract comes to count when the rule says, by the bars that are there.

-- name: unfounded_rolls
-- Rolls of futures that are gone, to contracts that these have not, or twice to the same.
-- gives: interval_id, at, stored, expected
-- reads: roll, continuous_future, future_contract, symbol
WITH named AS (
    SELECT r.*, f.symbol AS future, f.removed_at, c.position, s.symbol AS contract
    FROM roll AS r
    LEFT JOIN continuous_future AS f USING (future_id)
    LEFT JOIN future_contract AS c USING (future_id, symbol_id)
    LEFT JOIN symbol AS s USING (symbol_id)
)
SELECT NULL::INTEGER AS interval_id, make_timestamptz(epoch_us(session_date::TIMESTAMP)) AS at,
       'a roll to ' || coalesce(contract, 'symbol ' || symbol_id) || ' of '
       || coalesce(future, 'continuous future ' || future_id) AS stored,
       'a contract of a continuous future that is defined' AS expected
FROM named WHERE position IS NULL OR removed_at IS NOT NULL OR future IS NULL
UNION ALL
SELECT NULL, NULL, count(*) || ' rolls to ' || coalesce(any_value(contract), 'symbol ' || symbol_id), '1 roll'
FROM named GROUP BY future_id, symbol_id HAVING count(*) > 1
UNION ALL
SELECT NULL, make_timestamptz(epoch_us(n.session_date::TIMESTAMP)),
       n.contract || ' as contract ' || n.place || ' of ' || n.future || ' that counts', 'contract ' || (n.position + 1)
FROM (SELECT *, row_number() OVER (PARTITION BY future_id ORDER BY session_date NULLS FIRST) AS place FROM named) AS n
WHERE n.future IS NOT NULL AND n.position IS NOT NULL
  AND (n.place <> n.position + 1 OR (n.session_date IS NULL) <> (n.place = 1));

-- name: traded_by_session
-- How much of each contract was traded or open in each session, as its future is rolled, and its last close.
-- makes: traded_by_session(future_id, position, session_date, session_close, weight, close)
-- reads: continuous_future, future_contract, interval_definition, bar, bar_values, declared_column, symbol, calendar_session
CREATE OR REPLACE TEMP TABLE {traded_by_session} AS
SELECT c.future_id, c.position, b.session_date, any_value(k.session_close) AS session_close,
       CASE WHEN any_value(f.roll_rule) = 'open_interest'
            THEN max_by(v.declared[o.number], b.bar_start) FILTER (WHERE v.declared[o.number] IS NOT NULL)::DECIMAL(38, 9)
            ELSE sum(b.volume::DECIMAL(38, 9)) END AS weight, max_by(b.close, b.bar_start) AS close
FROM future_contract AS c
JOIN continuous_future AS f ON f.future_id = c.future_id AND f.removed_at IS NULL
JOIN symbol AS s USING (symbol_id)
JOIN interval_definition AS d ON d.symbol_id = c.symbol_id AND NOT d.derived
JOIN bar AS b USING (interval_id)
JOIN calendar_session AS k ON k.calendar = s.calendar AND k.session_date = b.session_date
CROSS JOIN (SELECT max(number) AS number FROM declared_column WHERE name = 'open_interest' AND aggregate = 'last') AS o
LEFT JOIN bar_values AS v ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
GROUP BY c.future_id, c.position, b.session_date;

-- name: misplaced_rolls
-- Rolls that are decided after another session than the rule says, say other closes, or are not there.
-- gives: interval_id, at, stored, expected
-- takes: traded_by_session
-- reads: roll, continuous_future, future_contract, symbol, interval_definition, calendar_session, bar, bar_revision
WITH touched AS (  -- what was written since waits to be looked at, and is no difference
    SELECT f.future_id, min(t.session_date) AS touched_from
    FROM continuous_future AS f
    JOIN future_contract AS c USING (future_id)
    JOIN interval_definition AS d ON d.symbol_id = c.symbol_id AND NOT d.derived
    JOIN (SELECT interval_id, session_date, batch_id FROM bar
          UNION ALL SELECT interval_id, session_date, replaced_by FROM bar_revision) AS t
      ON t.interval_id = d.interval_id AND t.batch_id > f.through_batch
    GROUP BY f.future_id
),
pair AS (  -- a contract, the one before it, and from when on that counts
    SELECT f.future_id, f.symbol AS future, f.roll_rule, f.sessions_before, f.look_at, n.position, n.roll_date,
           o.expires, s.symbol AS contract, s.calendar, r.session_date, r.decided_on, r.difference, r.ratio,
           coalesce(b.session_date, DATE '0001-01-01') AS begun, coalesce(t.touched_from, DATE '9999-12-31') AS touched_from,
           greatest(coalesce(x.retained_date, DATE '0001-01-01'), coalesce(y.retained_date, DATE '0001-01-01')) AS kept_from
    FROM continuous_future AS f
    JOIN future_contract AS n ON n.future_id = f.future_id
    JOIN future_contract AS o ON o.future_id = n.future_id AND o.position = n.position - 1
    JOIN symbol AS s ON s.symbol_id = n.symbol_id
    JOIN roll AS b ON b.future_id = f.future_id AND b.symbol_id = o.symbol_id
    JOIN interval_definition AS x ON x.symbol_id = o.symbol_id AND NOT x.derived
    JOIN interval_definition AS y ON y.symbol_id = n.symbol_id AND NOT y.derived
    LEFT JOIN roll AS r ON r.future_id = f.future_id AND r.symbol_id = n.symbol_id
    LEFT JOIN touched AS t ON t.future_id = f.future_id
    WHERE f.removed_at IS NULL
),
numbered AS (
    SELECT calendar, session_date, session_close, row_number() OVER (PARTITION BY calendar ORDER BY session_date) AS number
    FROM calendar_session WHERE calendar IN (SELECT calendar FROM pair)
),
known AS (SELECT calendar, max(session_date) AS last_date FROM numbered GROUP BY calendar),
more_traded AS (
    SELECT p.future_id, p.position, min(n.session_date) AS session_date
    FROM pair AS p
    JOIN {traded_by_session} AS n ON n.future_id = p.future_id AND n.position = p.position
    LEFT JOIN {traded_by_session} AS o
           ON o.future_id = p.future_id AND o.position = p.position - 1 AND o.session_date = n.session_date
    WHERE n.session_date >= p.begun AND n.session_date <= coalesce(p.expires, DATE '9999-12-31')
      AND n.weight > coalesce(o.weight, 0)
    GROUP BY p.future_id, p.position
),
bound AS (  -- the number of the session that the calendar alone would have
    SELECT p.*, m.session_date AS more_on, (SELECT min(number) FROM numbered AS s
                                            WHERE s.calendar = p.calendar AND s.session_date >= p.begun) AS first_number,
           CASE WHEN p.roll_rule = 'dates'
                THEN CASE WHEN p.roll_date <= k.last_date
                          THEN (SELECT count(*) FROM numbered AS s
                                WHERE s.calendar = p.calendar AND s.session_date < p.roll_date) END
                WHEN p.expires <= k.last_date
                THEN (SELECT count(*) FROM numbered AS s WHERE s.calendar = p.calendar AND s.session_date <= p.expires)
                     - CASE WHEN p.roll_rule = 'expiry' THEN p.sessions_before + 1 ELSE 0 END END AS by_calendar
    FROM pair AS p
    JOIN known AS k USING (calendar)
    LEFT JOIN more_traded AS m USING (future_id, position)
),
due AS (
    SELECT b.*, CASE WHEN b.roll_rule IN ('volume', 'open_interest') AND b.more_on IS NOT NULL THEN b.more_on ELSE s.session_date END AS due_on
    FROM bound AS b
    LEFT JOIN numbered AS s ON s.calendar = b.calendar AND b.by_calendar IS NOT NULL
                           AND s.number = greatest(b.by_calendar, b.first_number)
),
expected AS (
    SELECT d.*, s.session_close AS due_close, e.session_date AS due_date
    FROM due AS d
    LEFT JOIN numbered AS s ON s.calendar = d.calendar AND s.session_date = d.due_on
    LEFT JOIN numbered AS e ON e.calendar = d.calendar AND e.number = s.number + 1
    WHERE d.kept_from <= d.begun
),
priced AS (
    SELECT e.future_id, e.position, max_by(n.close - o.close, n.session_date) AS difference,
           max_by(CASE WHEN o.close > 0 AND n.close > 0 THEN n.close / o.close END, n.session_date) AS ratio,
           max(n.session_date) AS common_on
    FROM expected AS e
    JOIN {traded_by_session} AS n ON n.future_id = e.future_id AND n.position = e.position
    JOIN {traded_by_session} AS o
      ON o.future_id = e.future_id AND o.position = e.position - 1 AND o.session_date = n.session_date
    WHERE n.session_date <= e.decided_on
    GROUP BY e.future_id, e.position
)
SELECT NULL::INTEGER AS interval_id, make_timestamptz(epoch_us(coalesce(e.session_date, e.due_date)::TIMESTAMP)) AS at,
       coalesce('a roll to ' || e.contract || ' of ' || e.future || ' on ' || e.session_date || ', decided on '
                || e.decided_on, 'no roll to ' || e.contract || ' of ' || e.future) AS stored,
       CASE WHEN e.due_date IS NULL THEN 'none yet'
            ELSE 'one on ' || e.due_date || ', decided on ' || e.due_on END AS expected
FROM expected AS e
WHERE CASE WHEN e.session_date IS NOT NULL
           THEN e.decided_on < e.touched_from AND (e.due_on, e.due_date) IS DISTINCT FROM (e.decided_on, e.session_date)
           ELSE coalesce(e.due_on < e.touched_from AND e.due_close < e.look_at, false) AND e.due_date IS NOT NULL END
UNION ALL
SELECT NULL, make_timestamptz(epoch_us(e.session_date::TIMESTAMP)),
       'a roll to ' || e.contract || ' of ' || e.future || ' with difference ' || coalesce(e.difference::VARCHAR, 'none')
       || ' and ratio ' || coalesce(e.ratio::VARCHAR, 'none'),
       coalesce(p.difference::VARCHAR, 'none') || ' and ' || coalesce(p.ratio::VARCHAR, 'none')
FROM expected AS e LEFT JOIN priced AS p USING (future_id, position)
WHERE e.session_date IS NOT NULL AND e.decided_on < e.touched_from
  AND (e.difference, e.ratio) IS DISTINCT FROM (p.difference, p.ratio);

-- name: overlapping_rolls
-- At every moment a contract came to count once: each roll ends where, or before, the next begins.
-- gives: interval_id, at, stored, expected
-- reads: roll, roll_revision
WITH version AS (
    SELECT future_id, symbol_id, session_date, batch_id, replaced_by FROM roll_revision
    UNION ALL SELECT future_id, symbol_id, session_date, batch_id, NULL FROM roll
),
followed AS (
    SELECT *, lead(batch_id) OVER (PARTITION BY future_id, symbol_id ORDER BY batch_id, replaced_by NULLS LAST)
        AS next_batch_id
    FROM version
)
SELECT NULL::INTEGER AS interval_id, make_timestamptz(epoch_us(session_date::TIMESTAMP)) AS at,
       'a roll of batch ' || batch_id || ', replaced by ' || coalesce(replaced_by::VARCHAR, 'none') AS stored,
       'replaced by a later batch, at most ' || coalesce(next_batch_id::VARCHAR, 'none') AS expected
FROM followed
WHERE replaced_by <= batch_id OR coalesce(replaced_by, 9223372036854775807) > next_batch_id;
