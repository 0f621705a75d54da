-- The work: which derived intervals wait, and which symbols one transaction works on.

-- name: may_wait
-- How many changes of base bars are to be derived again, and of how many intervals, at most, the next bucket is closed:
-- base bars go beyond what is derived, and it can have closed.
-- gives: invalidation_count, closed_count
-- reads: invalidation, interval_definition
SELECT (SELECT count(*) FROM invalidation) AS invalidation_count, count(*) AS closed_count
FROM interval_definition AS d
JOIN interval_definition AS b ON b.symbol_id = d.symbol_id AND b.interval = d.base
WHERE b.complete_through > coalesce(d.derived_through, beginning())
  AND (d.next_close IS NULL OR d.next_close <= greatest(b.complete_through, $clock::TIMESTAMPTZ));

-- name: waiting_intervals
-- The derived intervals with work: their next bucket is closed (new_through says how far they can go), or base bars
-- changed below what is derived.
-- makes: waiting_intervals(interval_id, symbol_id, derived_through, new_through)
-- reads: definition, invalidation
CREATE OR REPLACE TEMP TABLE {waiting_intervals} AS
{pending}
SELECT d.interval_id, d.symbol_id, d.derived_through, NULL::TIMESTAMPTZ AS new_through
FROM definition AS d
WHERE d.derived AND EXISTS (SELECT 1 FROM invalidation AS i
                            WHERE i.interval_id = d.base_id AND i.range_start < d.derived_through
                              AND i.range_end > coalesce(d.final_before, beginning()));

-- name: pending
-- Those of which the next bucket is closed.
-- part: waiting_intervals(interval_id, symbol_id, derived_through, new_through)
-- reads: pending
SELECT interval_id, symbol_id, derived_through, new_through FROM pending($clock::TIMESTAMPTZ)
UNION ALL

-- name: count_waiting
-- How many symbols have work, and whether some have more of it than a month.
-- gives: symbol_count, has_long_backlog
-- takes: waiting_intervals
SELECT count(DISTINCT symbol_id) AS symbol_count,
       count(*) FILTER (WHERE new_through > later(coalesce(derived_through, beginning()), 31 * 86400)) > 0
           AS has_long_backlog
FROM {waiting_intervals};

-- name: first_symbols
-- The first of those symbols: what one transaction works on.
-- makes: scope_symbols(symbol_id)
-- takes: waiting_intervals
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
SELECT DISTINCT symbol_id FROM {waiting_intervals} ORDER BY symbol_id LIMIT $symbol_count;

-- name: first_symbols_of_backlog
-- The first of those symbols, as many as hold no more than so many base bars together, but at least one.
-- makes: scope_symbols(symbol_id)
-- takes: waiting_intervals
-- reads: interval_definition, session_coverage
CREATE OR REPLACE TEMP TABLE {scope_symbols} AS
WITH backlog AS (
    SELECT w.symbol_id, coalesce(sum(c.present_count), 0) AS bar_count
    FROM (SELECT symbol_id, min(coalesce(derived_through, beginning())) AS from_
          FROM {waiting_intervals} GROUP BY symbol_id) AS w
    JOIN interval_definition AS b ON b.symbol_id = w.symbol_id AND NOT b.derived
    LEFT JOIN session_coverage AS c ON c.interval_id = b.interval_id AND c.session_date >= w.from_::DATE - 1
    GROUP BY w.symbol_id
)
SELECT symbol_id
FROM (SELECT symbol_id, row_number() OVER by_id AS rank, sum(bar_count) OVER by_id AS so_far FROM backlog
      WINDOW by_id AS (ORDER BY symbol_id))
WHERE rank = 1 OR (rank <= $symbol_count AND so_far <= $bar_count);

-- name: drop_invalidations
-- The invalidations of these symbols are dealt with: below derived_through the buckets were computed again, above it
-- they will be when they close.
-- writes: invalidation
-- takes: scope_intervals
DELETE FROM invalidation WHERE interval_id IN (SELECT base_id FROM {scope_intervals} WHERE derived);
