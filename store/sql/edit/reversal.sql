-- Undoing a batch: what it wrote goes, what it replaced comes back.

-- name: batch_named
-- What a batch was.
-- gives: kind, source
-- reads: batch
SELECT kind, source FROM batch WHERE batch_id = $batch_id;

-- name: purges_of_batch
-- The batches that gave up some of what a batch wrote, or of what it replaced.
-- gives: batch_id
-- reads: purge
SELECT DISTINCT batch_id FROM purge WHERE of_batch = $batch_id ORDER BY batch_id;

-- name: batch_bars
-- The base bars that a batch wrote, replaced, or both.
-- makes: batch_bars(interval_id, bar_start, written, replaced)
-- reads: bar, bar_revision, interval_definition
CREATE OR REPLACE TEMP TABLE {batch_bars} AS
SELECT v.interval_id, v.bar_start, bool_or(v.written) AS written, bool_or(NOT v.written) AS replaced
FROM (SELECT interval_id, bar_start, true AS written FROM bar WHERE batch_id = $batch_id
      UNION ALL SELECT interval_id, bar_start, true FROM bar_revision WHERE batch_id = $batch_id
      UNION ALL SELECT interval_id, bar_start, false FROM bar_revision WHERE replaced_by = $batch_id) AS v
JOIN interval_definition AS d ON d.interval_id = v.interval_id AND NOT d.derived
GROUP BY v.interval_id, v.bar_start;

-- name: removed_symbols_of_batch
-- The symbols of those bars that were removed since.
-- gives: symbol
-- takes: batch_bars
-- reads: interval_definition, symbol
SELECT DISTINCT s.symbol
FROM {batch_bars} AS v JOIN interval_definition AS d USING (interval_id) JOIN symbol AS s USING (symbol_id)
WHERE s.removed_at IS NOT NULL
ORDER BY s.symbol;

-- name: reverts
-- Which batches undo which, the newest first.
-- gives: batch_id, reverts
-- reads: batch
SELECT batch_id, reverts FROM batch WHERE reverts IS NOT NULL ORDER BY batch_id DESC;

-- name: batches_since
-- The later batches that wrote or replaced any of those bars, and how many.
-- gives: batch_id, kind, bar_count
-- takes: batch_bars
-- reads: bar, bar_revision, batch
SELECT x.batch_id, t.kind, count(DISTINCT (x.interval_id, x.bar_start)) AS bar_count
FROM (SELECT interval_id, bar_start, batch_id FROM bar WHERE batch_id > $batch_id
      UNION ALL
      SELECT interval_id, bar_start, unnest([batch_id, replaced_by]) FROM bar_revision
      WHERE replaced_by > $batch_id) AS x
SEMI JOIN {batch_bars} AS v ON v.interval_id = x.interval_id AND v.bar_start = x.bar_start
JOIN batch AS t ON t.batch_id = x.batch_id
WHERE x.batch_id > $batch_id
GROUP BY x.batch_id, t.kind
ORDER BY x.batch_id;

-- name: changes_of_reversal
-- What undoing comes to: bars that come back, bars that get their old values, and bars that go.
-- gives: inserted, revised, deleted, first_start, last_start, symbols
-- takes: batch_bars
-- reads: definition
SELECT count(*) FILTER (WHERE NOT v.written) AS inserted, count(*) FILTER (WHERE v.written AND v.replaced) AS revised,
       count(*) FILTER (WHERE NOT v.replaced) AS deleted, min(v.bar_start) AS first_start,
       max(v.bar_start) AS last_start, coalesce(list(DISTINCT d.symbol ORDER BY d.symbol), []) AS symbols
FROM {batch_bars} AS v JOIN definition AS d USING (interval_id);

-- name: symbols_of_batch
-- Whose bars they are.
-- makes: scope_symbols(symbol_id)
-- takes: batch_bars
-- reads: definition
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
SELECT DISTINCT d.symbol_id FROM {batch_bars} JOIN definition AS d USING (interval_id);

-- name: replaced_values
-- The base bars that a batch replaced, as they were.
-- part: base_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, base_count, expected_count, batch_id, declared)
-- takes: batch_bars
-- reads: bar_revision
(SELECT b.* EXCLUDE (replaced_by), {declared} AS declared FROM bar_revision AS b {beside}
 WHERE b.replaced_by = {batch_id} AND b.interval_id IN (SELECT interval_id FROM {batch_bars}))

-- name: batches_in_the_way
-- The batches that wrote bars where those that come back belong by now, or bars outside of sessions that overlap one.
-- gives: batch_id, kind, bar_count
-- takes: placed_bars, scope_intervals, batch_bars
-- reads: bar, batch
WITH taken AS (
    SELECT interval_id, bar_start, b.batch_id FROM {placed_bars} JOIN bar AS b USING (interval_id, bar_start)
    UNION
    SELECT b.interval_id, b.bar_start, b.batch_id
    FROM {placed_bars} AS p
    JOIN {scope_intervals} AS d ON d.interval_id = p.interval_id
    JOIN bar AS b ON b.interval_id = p.interval_id AND b.bar_start > later(p.bar_start, -d.length)
                 AND b.bar_start < later(p.bar_start, d.length) AND b.session_date IS NULL
    WHERE p.session_date IS NULL
)
SELECT t.batch_id, t.kind, count(*) AS bar_count
FROM taken AS x JOIN batch AS t USING (batch_id)
ANTI JOIN {batch_bars} AS v ON v.interval_id = x.interval_id AND v.bar_start = x.bar_start
GROUP BY t.batch_id, t.kind
ORDER BY t.batch_id;

-- name: range_of_reversal
-- The stretch of time that bars which go and bars which come back lie in.
-- gives: first_start, last_end
-- takes: batch_bars, placed_bars
SELECT min(bar_start) AS first_start, later(max(bar_start), 1) AS last_end
FROM (SELECT bar_start FROM {batch_bars} UNION ALL SELECT bar_start FROM {placed_bars});

-- name: ends_of_bases
-- Where the last bar of each of the intervals ends.
-- makes: base_ends(interval_id, last_end)
-- takes: batch_bars
-- reads: bar
CREATE OR REPLACE TEMP TABLE {base_ends} AS
SELECT interval_id, max(later(bar_start, span_seconds)) AS last_end
FROM bar WHERE interval_id IN (SELECT interval_id FROM {batch_bars}) GROUP BY interval_id;

-- name: moves_after_reversal
-- How far intervals were complete and are now, and where their range started and starts.
-- makes: watermark_moves(interval_id, calendar, kind, length, old_through, new_through, old_first, new_first)
-- takes: scope_intervals, bar_changes
-- reads: bar
CREATE OR REPLACE TEMP TABLE {watermark_moves} AS
SELECT d.interval_id, d.calendar, d.kind, d.length, d.through AS old_through,
       greatest(d.through, c.last_end) AS new_through, d.first_session AS old_first,
       coalesce(d.account_from, f.first_date) AS new_first
FROM {scope_intervals} AS d
JOIN (SELECT interval_id, max(later(bar_start, span_seconds)) FILTER (WHERE action <> 'delete') AS last_end
      FROM {bar_changes} GROUP BY interval_id) AS c ON c.interval_id = d.interval_id
LEFT JOIN (SELECT interval_id, min(session_date) AS first_date FROM bar
           WHERE interval_id IN (SELECT interval_id FROM {bar_changes}) GROUP BY interval_id) AS f
       ON f.interval_id = d.interval_id;

-- name: shortened_symbols
-- The symbols whose last bars went.
-- makes: scope_symbols(symbol_id)
-- takes: base_ends
-- reads: bar, interval_definition
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
SELECT d.symbol_id
FROM {base_ends} AS e
JOIN interval_definition AS d USING (interval_id)
LEFT JOIN (SELECT interval_id, max(later(bar_start, span_seconds)) AS last_end
           FROM bar WHERE interval_id IN (SELECT interval_id FROM {base_ends}) GROUP BY interval_id) AS b USING (interval_id)
WHERE coalesce(b.last_end, beginning()) < e.last_end;

-- name: rewind_bases
-- Their base intervals are complete through the last bar they have left, and no further; but not back into what was
-- purged.
-- writes: interval_definition
-- takes: scope_symbols
-- reads: bar
UPDATE interval_definition AS d SET complete_through = greatest(e.last_end, d.retained_from)
FROM (SELECT i.interval_id, max(later(b.bar_start, b.span_seconds)) AS last_end
      FROM interval_definition AS i LEFT JOIN bar AS b USING (interval_id)
      WHERE NOT i.derived AND i.symbol_id IN (FROM {scope_symbols}) GROUP BY i.interval_id) AS e
WHERE e.interval_id = d.interval_id;

-- name: forget_files
-- The files of a load are as though they had never been loaded.
-- writes: source_file
-- reads: source_file
DELETE FROM source_file
WHERE (path, fingerprint) IN (SELECT (path, fingerprint) FROM source_file WHERE batch_id = $batch_id);

-- name: files_of_batch
-- The files that a load read.
-- gives: path
-- reads: source_file
SELECT DISTINCT path FROM source_file WHERE batch_id = $batch_id ORDER BY path;
