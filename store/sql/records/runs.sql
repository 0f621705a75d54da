-- Runs: what a coordinator was asked to carry out, how far it has come and how it ended.

-- name: next_run
-- The id of the run that begins.
-- gives: run_id
-- reads: session_run
SELECT coalesce(max(run_id), 0) + 1 AS run_id FROM session_run;

-- name: mark_crashed_runs
-- Runs that another opening of the store left: whoever carried them out no longer holds the file.
-- writes: session_run
UPDATE session_run SET state = 'crashed', ended_at = updated_at, error = $error
WHERE state = 'running' AND owner <> $owner;

-- name: add_run
-- A run that begins.
-- writes: session_run
INSERT INTO session_run (run_id, mode, name, config, state, cursor, position, pinned_batch, owner, pid, started_at,
                         updated_at)
VALUES ($run_id, $mode, $name, $config, 'running', $cursor, $position, $pinned_batch, $owner, $pid, $now, $now);

-- name: resume_run
-- A run that was stopped, failed or crashed goes on.
-- writes: session_run
UPDATE session_run
SET state = 'running', owner = $owner, pid = $pid, updated_at = $now, ended_at = NULL, error = NULL
WHERE run_id = $run_id;

-- name: advance_run
-- How far a run has come.
-- writes: session_run
UPDATE session_run SET cursor = $cursor, position = $position, updated_at = $now
WHERE run_id = $run_id AND state = 'running' AND owner = $owner RETURNING run_id;

-- name: end_run
-- A run that ends.
-- writes: session_run
UPDATE session_run SET state = $state, updated_at = $now, ended_at = $now, error = $error WHERE run_id = $run_id;

-- name: close_run
-- A run that ended early, and that nobody shall go on with.
-- writes: session_run
UPDATE session_run SET state = 'closed', ended_at = coalesce(ended_at, updated_at) WHERE run_id = $run_id;

-- name: runs
-- The runs, newest first; of one id, one mode or one name.
-- gives: run_id, mode, name, config, state, cursor, position, pinned_batch, owner, pid, started_at, updated_at,
--    ended_at, error
-- reads: session_run
SELECT run_id, mode, name, config, state, cursor, position, pinned_batch, owner, pid, started_at, updated_at, ended_at,
       error
FROM session_run
WHERE ($run_id IS NULL OR run_id = $run_id) AND ($mode IS NULL OR mode = $mode) AND ($name IS NULL OR name = $name)
ORDER BY run_id DESC;
