-- Known files: what was loaded, and what came of it.

-- name: priorities
-- The priorities of all vendors, as text.
-- part: expression
-- reads: vendor
coalesce((SELECT string_agg(vendor || '=' || priority, ', ' ORDER BY vendor) FROM vendor), '')

-- name: note_files
-- The files that were loaded, and what was asked of them.
-- writes: source_file
-- takes: source_files
-- reads: vendor
INSERT INTO source_file (path, size_bytes, modified_at, fingerprint, request, batch_id, outcome, read_with)
SELECT path, size_bytes, modified_at, fingerprint, $request, $batch_id, $outcome, $read_with || {priorities} FROM {source_files};

-- name: recall
-- The newest load of this very file for which the same was asked and nothing refused, unless a batch since then may
-- have changed where its rows belong or taken bars away. Loads that write where its bars lie are looked for by
-- changed_since. Nor where its vendor has offered other rows in vain since: then its own are to count again.
-- gives: batch_id, outcome, read_with, priorities
-- takes: source_files
-- reads: source_file, batch, vendor, offered_bar
SELECT f.batch_id, f.outcome, f.read_with, {priorities} AS priorities
FROM source_file AS f
JOIN {source_files} AS l ON l.path = f.path AND l.fingerprint = f.fingerprint AND l.size_bytes = f.size_bytes
WHERE f.request = $request AND starts_with(f.read_with, $programs)
  AND NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.batch_id > f.batch_id AND b.kind NOT IN ('load', 'process'))
  AND NOT EXISTS (SELECT 1 FROM offered_bar AS o JOIN batch AS b USING (batch_id)
                  WHERE b.batch_id > f.batch_id AND b.vendor IS NOT DISTINCT FROM $vendor)
ORDER BY f.batch_id DESC
LIMIT 1;

-- name: changed_since
-- Whether, after a batch, bars of some symbols between two instants were written or replaced; also true when there are
-- fewer than there were, or not every symbol is there any more.
-- gives: is_changed
-- reads: definition, bar, bar_revision
WITH reached AS MATERIALIZED (
    SELECT interval_id FROM definition
    WHERE NOT derived AND interval = $interval AND list_contains($symbols::VARCHAR[], symbol)
)
SELECT (SELECT count(*) FROM reached) <> len($symbols::VARCHAR[])
    OR (SELECT count(*) < $bar_count OR max(batch_id) > $batch_id FROM bar
        WHERE bar_start >= $first_bar::TIMESTAMPTZ AND bar_start < $last_bar_end::TIMESTAMPTZ
          AND interval_id IN (FROM reached))
    OR EXISTS (SELECT 1 FROM bar_revision
               WHERE bar_start >= $first_bar::TIMESTAMPTZ AND bar_start < $last_bar_end::TIMESTAMPTZ
                 AND replaced_by > $batch_id AND interval_id IN (FROM reached)) AS is_changed;
