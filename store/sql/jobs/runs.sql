-- Jobs: which files are known, what new ones hold, and what a run touched.

-- name: loaded_files
-- The files loaded so far, the newest load of a path last.
-- gives: path, size_bytes, modified_at, fingerprint, request
-- reads: source_file
SELECT path, size_bytes, modified_at, fingerprint, request FROM source_file ORDER BY batch_id;

-- name: steps
-- For each symbol in the rows read: how many bars, the shortest and the most common step between them, and the
-- longest step that divides those within some hours, all in seconds.
-- gives: name, shortest, step_count, shortest_count, divisor
-- takes: parsed_rows
WITH stamped AS (
    SELECT coalesce(symbol_given, '') AS name, coalesce(epoch_us(instant_given), epoch_us(local)) // 1000000 AS second
    FROM {parsed_rows}
),
stepped AS (
    SELECT name, second - lag(second) OVER (PARTITION BY name ORDER BY second) AS step
    FROM stamped WHERE second IS NOT NULL
),
counted AS (
    SELECT name, step, count(*) AS step_count FROM stepped WHERE step > 0 GROUP BY name, step
)
SELECT name, min(step) AS shortest, sum(step_count)::BIGINT AS step_count, arg_min(step_count, step) AS shortest_count,
       list_reduce(list(step) FILTER (WHERE step <= 21600), lambda a, b: gcd(a, b)) AS divisor
FROM counted GROUP BY name;

-- name: symbols_read
-- The symbols in the rows read.
-- gives: symbol_given
-- takes: parsed_rows
SELECT DISTINCT symbol_given FROM {parsed_rows};

-- name: symbols_loaded
-- The registered symbols with the interval that is loaded for them, and who registered them.
-- gives: symbol, interval, added_by
-- reads: definition, symbol
SELECT d.symbol, d.interval, s.added_by FROM definition AS d JOIN symbol AS s USING (symbol_id) WHERE NOT d.derived;

-- name: other_names
-- The names of active symbols beside those of today: aliases, and names that they had before.
-- gives: name, symbol, is_alias, vendor
-- reads: symbol, symbol_name
SELECT DISTINCT n.name, s.symbol, n.is_alias, n.vendor
FROM symbol_name AS n
JOIN symbol AS s ON s.symbol_id = n.symbol_id AND s.removed_at IS NULL
WHERE n.replaced_by IS NULL AND n.name <> s.symbol;

-- name: dates_held
-- The days the rows taken belong to, by symbol: those of their sessions, and of UTC where those, or the rows in none,
-- begin and end.
-- gives: symbol, day
-- takes: bar_counts
-- reads: definition
SELECT DISTINCT d.symbol, unnest([t.session_date, t.first_start::DATE, later(t.last_end, -1)::DATE]) AS day
FROM {bar_counts} AS t JOIN definition AS d USING (interval_id);

-- name: load_counts
-- What the loads since a batch came to.
-- gives: load_count, inserted, revised, unchanged, rejected, deleted
-- reads: batch
SELECT count(*) AS load_count, coalesce(sum(inserted), 0)::BIGINT AS inserted, coalesce(sum(revised), 0)::BIGINT AS revised,
       coalesce(sum(unchanged), 0)::BIGINT AS unchanged, coalesce(sum(rejected), 0)::BIGINT AS rejected,
       coalesce(sum(deleted), 0)::BIGINT AS deleted
FROM batch WHERE batch_id > $after AND kind = 'load';

-- name: rejects
-- The rows that loads since a batch left out, by source and reason, the most first.
-- gives: source, reason, row_count, first_given
-- reads: batch, rejected_bar
SELECT b.source, r.reason, count(*) AS row_count, arg_min(r.given, coalesce(r.file_row, 0)) AS first_given
FROM rejected_bar AS r JOIN batch AS b USING (batch_id)
WHERE batch_id > $after
GROUP BY b.source, r.reason ORDER BY row_count DESC, b.source, r.reason LIMIT 20;

-- name: touched
-- The symbols whose bars were written since a batch, and the sessions from the first through the last of them.
-- gives: symbols, first_date, last_date
-- reads: bar, bar_revision, definition
SELECT list(DISTINCT d.symbol) AS symbols, min(t.session_date) AS first_date, max(t.session_date) AS last_date
FROM (SELECT interval_id, session_date FROM bar WHERE batch_id > $after
      UNION ALL
      SELECT interval_id, session_date FROM bar_revision WHERE replaced_by > $after) AS t
JOIN definition AS d USING (interval_id);

-- name: touched_quality
-- Base bars expected and present, by symbol, in the sessions written since a batch, and in those right before them
-- of which nothing came.
-- gives: symbol, expected_count, present_count, gap_count
-- reads: bar, bar_revision, definition, gap, session_coverage
WITH written AS (
    SELECT DISTINCT interval_id, session_date
    FROM (SELECT interval_id, session_date FROM bar WHERE batch_id > $after
          UNION ALL
          SELECT interval_id, session_date FROM bar_revision WHERE replaced_by > $after)
    JOIN definition AS d USING (interval_id)
    WHERE NOT d.derived AND session_date IS NOT NULL
),
near AS (
    SELECT c.*, min(CASE WHEN c.present_count > 0 THEN c.session_date END) OVER (
               PARTITION BY c.interval_id ORDER BY c.session_date
               ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_present
    FROM session_coverage AS c
    JOIN (SELECT interval_id, min(session_date) AS first, max(session_date) AS last FROM written GROUP BY ALL) AS w
      ON w.interval_id = c.interval_id AND c.session_date BETWEEN w.first - 92 AND w.last
),
counted AS (
    SELECT n.* FROM near AS n
    WHERE (n.interval_id, n.session_date) IN (SELECT (interval_id, session_date) FROM written)
       OR (n.interval_id, n.next_present) IN (SELECT (interval_id, session_date) FROM written)
),
holes AS (
    SELECT g.interval_id, count(*) AS gap_count
    FROM gap AS g JOIN counted AS c ON c.interval_id = g.interval_id AND c.session_date = g.session_date
    GROUP BY g.interval_id
)
SELECT d.symbol, sum(c.expected_count)::BIGINT AS expected_count, sum(c.present_count)::BIGINT AS present_count,
       any_value(coalesce(h.gap_count, 0)) AS gap_count
FROM counted AS c JOIN definition AS d USING (interval_id) LEFT JOIN holes AS h USING (interval_id)
GROUP BY d.symbol ORDER BY d.symbol;

-- name: behind
-- The symbols whose bars end in an earlier session than those of others with the same calendar, and in which.
-- gives: symbol, last_session
-- reads: definition, session_coverage
WITH reached AS (
    SELECT d.symbol, d.calendar, max(c.session_date) FILTER (WHERE c.present_count > 0) AS last_session
    FROM definition AS d LEFT JOIN session_coverage AS c USING (interval_id)
    WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol)
    GROUP BY d.symbol, d.calendar
)
SELECT symbol, last_session FROM reached
QUALIFY last_session IS DISTINCT FROM max(last_session) OVER (PARTITION BY calendar)
ORDER BY symbol;
