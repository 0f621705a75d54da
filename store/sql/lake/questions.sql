-- What of a lake is asked for by Python.

-- name: bars_asked
-- The bars of one interval of some symbols.
-- gives: *
SELECT * FROM lake.bars
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND interval = $interval
  AND bar_start >= coalesce($start, '-infinity'::TIMESTAMPTZ) AND bar_start < coalesce($end, 'infinity'::TIMESTAMPTZ)
ORDER BY symbol, bar_start;

-- name: bars_asked_as_of
-- The bars of one interval of some symbols as they were known at an instant.
-- gives: *
SELECT * FROM lake.bars_as_of($as_of::TIMESTAMPTZ)
WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])) AND interval = $interval
  AND bar_start >= coalesce($start, '-infinity'::TIMESTAMPTZ) AND bar_start < coalesce($end, 'infinity'::TIMESTAMPTZ)
ORDER BY symbol, bar_start;

-- name: shards_in_order
-- The shards in the order of their symbols.
-- gives: *
SELECT * FROM lake.shards ORDER BY first_symbol NULLS FIRST;

-- name: newest_snapshot
-- The number of the newest state of the lake.
-- gives: snapshot_id
SELECT max(snapshot_id) AS snapshot_id FROM ducklake_snapshots('lake');

-- name: symbols
-- The symbols that bars are loaded of.
-- gives: symbol
SELECT symbol FROM lake.interval_state WHERE NOT derived;

-- name: behind
-- The symbols whose bars end in an earlier session than those of others with the same calendar, and in which.
-- gives: symbol, last_session
WITH reached AS (
    SELECT d.symbol, d.calendar, max(c.session_date) FILTER (WHERE c.present_count > 0) AS last_session
    FROM lake.interval_state AS d LEFT JOIN lake.session_coverage AS c USING (symbol, interval)
    WHERE NOT d.derived AND list_contains($symbols::VARCHAR[], d.symbol)
    GROUP BY d.symbol, d.calendar
)
SELECT symbol, last_session FROM reached
QUALIFY last_session IS DISTINCT FROM max(last_session) OVER (PARTITION BY calendar)
ORDER BY symbol;
