-- Corporate actions: each is there once, of a symbol that is there, and says something that can be.

-- name: unfounded_actions
-- Actions of symbols that are gone, actions that are there twice, and such as no load takes.
-- gives: interval_id, at, stored, expected
-- reads: corporate_action, corporate_action_revision, symbol
WITH every AS (
    SELECT *, NULL::BIGINT AS replaced_by FROM corporate_action
    UNION ALL SELECT * FROM corporate_action_revision
),
named AS (
    SELECT e.*, s.symbol, s.removed_at,
           make_timestamptz(epoch_us(e.ex_date::TIMESTAMP)) AS at_,
           coalesce(s.symbol, 'symbol ' || e.symbol_id) || ': ' || e.kind || ' of ' || e.ex_date AS what
    FROM every AS e LEFT JOIN symbol AS s USING (symbol_id)
)
SELECT NULL::INTEGER AS interval_id, at_ AS at, what AS stored, 'an action of a symbol that is registered' AS expected
FROM named WHERE symbol IS NULL OR (removed_at IS NOT NULL AND replaced_by IS NULL)
UNION ALL
SELECT NULL, any_value(at_), count(*) || ' times ' || what, '1 action'
FROM named WHERE replaced_by IS NULL GROUP BY symbol_id, what HAVING count(*) > 1
UNION ALL
SELECT NULL, at_, what || ', ratio ' || coalesce(ratio::VARCHAR, 'none') || ', amount ' || coalesce(amount::VARCHAR, 'none'),
       'a split or stock dividend with a ratio, or a dividend with an amount'
FROM named
WHERE CASE kind WHEN 'split' THEN coalesce(ratio BETWEEN 1e-6 AND 1e6 AND ratio <> 1, false) AND amount IS NULL
                WHEN 'stock_dividend' THEN coalesce(ratio > 0 AND ratio <= 1e6, false) AND amount IS NULL
                WHEN 'cash_dividend' THEN coalesce(amount > 0 AND amount <= 1e12, false) AND ratio IS NULL
                WHEN 'special_dividend' THEN coalesce(amount > 0 AND amount <= 1e12, false) AND ratio IS NULL
                ELSE false END IS NOT TRUE
   OR ex_date < DATE '1900-01-01';

-- name: overlapping_actions
-- At every moment an action had one set of values: each ends where, or before, the next begins.
-- gives: interval_id, at, stored, expected
-- reads: corporate_action, corporate_action_revision
WITH version AS (
    SELECT symbol_id, ex_date, kind, batch_id, replaced_by FROM corporate_action_revision
    UNION ALL
    SELECT a.symbol_id, a.ex_date, a.kind, a.batch_id, NULL
    FROM corporate_action AS a SEMI JOIN corporate_action_revision AS r USING (symbol_id, ex_date, kind)
),
followed AS (
    SELECT *, lead(batch_id) OVER (PARTITION BY symbol_id, ex_date, kind ORDER BY batch_id, replaced_by NULLS LAST)
        AS next_batch_id
    FROM version
)
SELECT NULL::INTEGER AS interval_id, make_timestamptz(epoch_us(ex_date::TIMESTAMP)) AS at,
       kind || ' of batch ' || batch_id || ', replaced by ' || coalesce(replaced_by::VARCHAR, 'none') AS stored,
       'replaced by a later batch, at most ' || coalesce(next_batch_id::VARCHAR, 'none') AS expected
FROM followed
WHERE replaced_by <= batch_id OR coalesce(replaced_by, 9223372036854775807) > next_batch_id;
