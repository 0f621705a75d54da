-- Corporate actions: what is there, what takes its place, and what is kept of it.

-- name: action_changes
-- What has to be written for some actions to be as wanted; others stay as they are.
-- makes: action_changes(symbol_id, ex_date, kind, ratio, amount, currency, action)
-- takes: wanted_actions
-- reads: corporate_action
CREATE OR REPLACE TEMP TABLE {action_changes} AS
SELECT w.symbol_id, w.ex_date, w.kind, w.ratio, w.amount, w.currency,
       CASE WHEN a.symbol_id IS NULL THEN 'insert' ELSE 'revise' END AS action
FROM {wanted_actions} AS w
LEFT JOIN corporate_action AS a USING (symbol_id, ex_date, kind)
WHERE a.symbol_id IS NULL OR (a.ratio, a.amount, a.currency) IS DISTINCT FROM (w.ratio, w.amount, w.currency);

-- name: actions_to_delete
-- The actions of a symbol on one ex-date that are to go.
-- makes: action_changes(symbol_id, ex_date, kind, ratio, amount, currency, action)
-- reads: corporate_action, symbol
CREATE OR REPLACE TEMP TABLE {action_changes} AS
SELECT a.symbol_id, a.ex_date, a.kind, a.ratio, a.amount, a.currency, 'delete' AS action
FROM corporate_action AS a JOIN symbol AS s USING (symbol_id)
WHERE s.symbol = $symbol AND s.removed_at IS NULL AND a.ex_date = $ex_date::DATE AND ($kind IS NULL OR a.kind = $kind);

-- name: actions_of_symbols
-- All actions of symbols, which are to go with them.
-- makes: action_changes(symbol_id, ex_date, kind, ratio, amount, currency, action)
-- reads: corporate_action
CREATE OR REPLACE TEMP TABLE {action_changes} AS
SELECT symbol_id, ex_date, kind, ratio, amount, currency, 'delete' AS action
FROM corporate_action WHERE list_contains($symbol_ids::INTEGER[], symbol_id);

-- name: count_changes
-- How many actions are new, get other values, and go.
-- gives: inserted, revised, deleted
-- takes: action_changes
SELECT count(*) FILTER (WHERE action = 'insert') AS inserted, count(*) FILTER (WHERE action = 'revise') AS revised,
       count(*) FILTER (WHERE action = 'delete') AS deleted
FROM {action_changes};

-- name: keep_replaced
-- The values that are replaced become revisions.
-- writes: corporate_action_revision
-- takes: action_changes
-- reads: corporate_action
INSERT INTO corporate_action_revision
SELECT a.*, $batch_id FROM corporate_action AS a SEMI JOIN {action_changes} AS c USING (symbol_id, ex_date, kind)
ORDER BY a.symbol_id, a.ex_date, a.kind;

-- name: drop_replaced
-- And are there no longer.
-- writes: corporate_action
-- takes: action_changes
DELETE FROM corporate_action AS a USING {action_changes} AS c
WHERE a.symbol_id = c.symbol_id AND a.ex_date = c.ex_date AND a.kind = c.kind;

-- name: add_actions
-- The new values.
-- writes: corporate_action
-- takes: action_changes
INSERT INTO corporate_action
SELECT symbol_id, ex_date, kind, ratio, amount, currency, $batch_id FROM {action_changes}
WHERE action <> 'delete' ORDER BY symbol_id, ex_date, kind;

-- name: note_purged
-- Whose actions, and old values of such, go for good with their symbols, so that what is left accounts for every batch.
-- writes: purge
-- reads: corporate_action, corporate_action_revision
INSERT INTO purge (batch_id, of_batch, written, replaced)
SELECT $batch_id, of_batch, sum(written), sum(replaced)
FROM (
    SELECT unnest([batch_id, $batch_id]) AS of_batch, unnest([1, 0]) AS written, unnest([0, 1]) AS replaced
    FROM corporate_action WHERE list_contains($symbol_ids::INTEGER[], symbol_id)
    UNION ALL
    SELECT unnest([batch_id, replaced_by]), unnest([1, 0]), unnest([0, 1])
    FROM corporate_action_revision WHERE list_contains($symbol_ids::INTEGER[], symbol_id)
)
GROUP BY of_batch
ORDER BY of_batch;

-- name: purge_of_symbols
-- Actions or old values of such that go with their symbols.
-- writes: table
DELETE FROM {table} WHERE list_contains($symbol_ids::INTEGER[], symbol_id);

-- name: count_of_symbols
-- How many actions symbols have, and how many old values of such.
-- gives: action_count, revision_count
-- reads: corporate_action, corporate_action_revision
SELECT (SELECT count(*) FROM corporate_action WHERE list_contains($symbol_ids::INTEGER[], symbol_id)) AS action_count,
       (SELECT count(*) FROM corporate_action_revision WHERE list_contains($symbol_ids::INTEGER[], symbol_id))
           AS revision_count;

-- name: note_purged_revisions
-- Whose old values go that were replaced by a batch or those before it.
-- writes: purge
-- reads: corporate_action_revision
INSERT INTO purge (batch_id, of_batch, written, replaced)
SELECT $batch_id, of_batch, sum(written), sum(replaced)
FROM (
    SELECT unnest([batch_id, replaced_by]) AS of_batch, unnest([1, 0]) AS written, unnest([0, 1]) AS replaced
    FROM corporate_action_revision WHERE replaced_by <= $last_batch
)
GROUP BY of_batch
ORDER BY of_batch;

-- name: purge_revisions
-- And they go.
-- writes: corporate_action_revision
DELETE FROM corporate_action_revision WHERE replaced_by <= $last_batch;

-- name: batch_actions
-- The actions that a batch wrote, replaced, or both.
-- makes: batch_actions(symbol_id, ex_date, kind, written, replaced)
-- reads: corporate_action, corporate_action_revision
CREATE OR REPLACE TEMP TABLE {batch_actions} AS
SELECT symbol_id, ex_date, kind, bool_or(written) AS written, bool_or(NOT written) AS replaced
FROM (SELECT symbol_id, ex_date, kind, true AS written FROM corporate_action WHERE batch_id = $batch_id
      UNION ALL SELECT symbol_id, ex_date, kind, true FROM corporate_action_revision WHERE batch_id = $batch_id
      UNION ALL SELECT symbol_id, ex_date, kind, false FROM corporate_action_revision WHERE replaced_by = $batch_id)
GROUP BY symbol_id, ex_date, kind;

-- name: removed_symbols_of
-- The symbols of those that were removed since.
-- gives: symbol
-- takes: batch_actions
-- reads: symbol
SELECT DISTINCT s.symbol FROM {batch_actions} JOIN symbol AS s USING (symbol_id)
WHERE s.removed_at IS NOT NULL ORDER BY s.symbol;

-- name: batches_since
-- The later batches that wrote or replaced any of those, and how many.
-- gives: batch_id, kind, action_count
-- takes: batch_actions
-- reads: corporate_action, corporate_action_revision, batch
SELECT x.batch_id, t.kind, count(DISTINCT (x.symbol_id, x.ex_date, x.kind)) AS action_count
FROM (SELECT symbol_id, ex_date, kind, batch_id FROM corporate_action WHERE batch_id > $batch_id
      UNION ALL
      SELECT symbol_id, ex_date, kind, unnest([batch_id, replaced_by]) FROM corporate_action_revision
      WHERE replaced_by > $batch_id) AS x
SEMI JOIN {batch_actions} AS v ON v.symbol_id = x.symbol_id AND v.ex_date = x.ex_date AND v.kind = x.kind
JOIN batch AS t ON t.batch_id = x.batch_id
WHERE x.batch_id > $batch_id
GROUP BY x.batch_id, t.kind
ORDER BY x.batch_id;

-- name: reversed_actions
-- What undoing comes to: actions as they were before the batch.
-- makes: action_changes(symbol_id, ex_date, kind, ratio, amount, currency, action)
-- takes: batch_actions
-- reads: corporate_action, corporate_action_revision
CREATE OR REPLACE TEMP TABLE {action_changes} AS
SELECT v.symbol_id, v.ex_date, v.kind, r.ratio, r.amount, r.currency,
       CASE WHEN r.symbol_id IS NULL THEN 'delete' WHEN a.symbol_id IS NULL THEN 'insert' ELSE 'revise' END AS action
FROM {batch_actions} AS v
LEFT JOIN corporate_action AS a USING (symbol_id, ex_date, kind)
LEFT JOIN (FROM corporate_action_revision WHERE replaced_by = $batch_id) AS r USING (symbol_id, ex_date, kind);

-- name: symbols_of_changes
-- Whose actions change.
-- gives: symbols
-- takes: action_changes
-- reads: symbol
SELECT coalesce(list(DISTINCT s.symbol ORDER BY s.symbol), []) AS symbols
FROM {action_changes} JOIN symbol AS s USING (symbol_id);

-- name: kinds_of_changes
-- The kinds of the actions that change.
-- gives: kind
-- takes: action_changes
SELECT DISTINCT kind FROM {action_changes} ORDER BY kind;
