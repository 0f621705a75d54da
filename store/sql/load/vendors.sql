-- Vendors: whose bars stay where they contradict each other, and which differences are none.

-- name: priority_of_vendor
-- The priority that is kept for a vendor.
-- gives: priority
-- reads: vendor
SELECT priority FROM vendor WHERE vendor = $vendor;

-- name: keep_vendor
-- A vendor that is new, or whose priority is another now.
-- writes: vendor
INSERT INTO vendor (vendor, priority) VALUES ($vendor, $priority)
ON CONFLICT (vendor) DO UPDATE SET priority = excluded.priority;

-- name: contested_bars
-- Stored bars that rows came for, where somebody's priority or the tolerance decides: with their own values, whether
-- those are equal to the row's or within the tolerance of them, and whether their vendor has the greater or the lesser
-- priority. A bar that was not seen whole has no say against one that was: kept says that the row is such a one.
-- makes: contested_bars(interval_id, bar_start, open, high, low, close, volume, trade_count, vwap, declared, base_count, batch_id,
-- equal, within, greater, lesser, kept)
-- takes: new_bars: any, stored_bars: any
-- reads: batch, bar_vendor, vendor
CREATE OR REPLACE TEMP TABLE {contested_bars} AS
WITH compared AS (
    SELECT b.interval_id, b.bar_start, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.declared,
           b.base_count, b.batch_id,
           (b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count)
               IS NOT DISTINCT FROM (f.open, f.high, f.low, f.close, f.volume, f.trade_count, f.vwap, f.base_count)
           AND b.declared IS NOT DISTINCT FROM f.declared
               AS equal,
           abs(b.open - f.open) <= $tolerance * greatest(abs(b.open), abs(f.open))
           AND abs(b.high - f.high) <= $tolerance * greatest(abs(b.high), abs(f.high))
           AND abs(b.low - f.low) <= $tolerance * greatest(abs(b.low), abs(f.low))
           AND abs(b.close - f.close) <= $tolerance * greatest(abs(b.close), abs(f.close))
           AND abs(b.volume - f.volume) <= $tolerance * greatest(b.volume, f.volume)
           AND coalesce(abs(b.vwap - f.vwap) <= $tolerance * greatest(abs(b.vwap), abs(f.vwap)),
                        b.vwap IS NULL AND f.vwap IS NULL)
           AND b.trade_count IS NOT DISTINCT FROM f.trade_count AND b.base_count = f.base_count
           {values_within} AS within,
           b.base_count >= f.base_count AS whole, b.base_count > f.base_count AND $yields AS kept,
           coalesce(p.priority, 0) AS priority
    FROM {new_bars} AS f
    JOIN {stored_bars} AS b USING (interval_id, bar_start)
    JOIN batch AS t ON t.batch_id = b.batch_id
    LEFT JOIN bar_vendor AS v
           ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
    LEFT JOIN vendor AS p ON p.vendor = CASE WHEN v.interval_id IS NULL THEN t.vendor ELSE v.vendor END
)
SELECT interval_id, bar_start, open, high, low, close, volume, trade_count, vwap, declared, base_count, batch_id, equal, within,
       priority > $priority AND whole AND NOT kept AS greater, priority < $priority AND NOT kept AS lesser, kept
FROM compared
WHERE kept OR priority < $priority OR (NOT equal AND (within OR (priority > $priority AND whole)));

-- name: value_within
-- Whether a declared column is within the tolerance.
-- part: condition
AND coalesce(abs(b.declared[{number}] - f.declared[{number}])
                 <= $tolerance * greatest(abs(b.declared[{number}]), abs(f.declared[{number}])),
             b.declared[{number}] IS NULL AND f.declared[{number}] IS NULL)

-- name: count_contested
-- How many of those differ within the tolerance, and how many further from a bar of greater priority.
-- gives: tolerated_count, conflict_count
-- takes: contested_bars
SELECT count(*) FILTER (WHERE within AND NOT equal) AS tolerated_count,
       count(*) FILTER (WHERE greater AND NOT within) AS conflict_count
FROM {contested_bars};

-- name: settled_bars
-- The rows taken, with the values that are stored where those stay.
-- part: new_bars
-- takes: contested_bars
(SELECT f.* REPLACE (CASE WHEN c.interval_id IS NULL THEN f.open ELSE c.open END AS open,
                     CASE WHEN c.interval_id IS NULL THEN f.high ELSE c.high END AS high,
                     CASE WHEN c.interval_id IS NULL THEN f.low ELSE c.low END AS low,
                     CASE WHEN c.interval_id IS NULL THEN f.close ELSE c.close END AS close,
                     CASE WHEN c.interval_id IS NULL THEN f.volume ELSE c.volume END AS volume,
                     CASE WHEN c.interval_id IS NULL THEN f.trade_count ELSE c.trade_count END AS trade_count,
                     CASE WHEN c.interval_id IS NULL THEN f.vwap ELSE c.vwap END AS vwap,
                     CASE WHEN c.interval_id IS NULL THEN f.declared ELSE c.declared END AS declared,
                     CASE WHEN c.interval_id IS NULL THEN f.base_count ELSE c.base_count END AS base_count)
 FROM {new_bars} AS f
 LEFT JOIN (SELECT * FROM {contested_bars} WHERE within OR kept OR {stays}) AS c
        ON c.interval_id = f.interval_id AND c.bar_start = f.bar_start)

-- name: greater_stays
-- Bars of greater priority stay.
-- part: condition
greater

-- name: nothing_stays
-- No bar stays for its priority.
-- part: condition
false

-- name: spared_bars
-- A session that is sent again does not take away bars of greater priority either.
-- part: condition
-- reads: batch, bar_vendor, vendor
AND CASE WHEN (b.interval_id, b.bar_start, b.batch_id) IN (SELECT (interval_id, bar_start, batch_id) FROM bar_vendor)
         THEN (b.interval_id, b.bar_start, b.batch_id) NOT IN (
                  SELECT (v.interval_id, v.bar_start, v.batch_id) FROM bar_vendor AS v LEFT JOIN vendor AS p USING (vendor)
                  WHERE coalesce(p.priority, 0) > {priority})
         ELSE b.batch_id NOT IN (SELECT t.batch_id FROM batch AS t LEFT JOIN vendor AS p USING (vendor)
                                 WHERE coalesce(p.priority, 0) > {priority}) END

-- name: forget_offers
-- What a vendor offered before for bars that it has rows for now counts no more.
-- writes: offered_bar
-- takes: new_bars: any
-- reads: batch
DELETE FROM offered_bar AS o USING batch AS t, {new_bars} AS f
WHERE t.batch_id = o.batch_id AND t.vendor IS NOT DISTINCT FROM $vendor
  AND f.interval_id = o.interval_id AND f.bar_start = o.bar_start {unless_again};

-- name: unless_again
-- It counts on where it is offered again, and in vain again.
-- part: condition
-- takes: contested_bars
AND ((o.open, o.high, o.low, o.close, o.volume, o.trade_count, o.vwap)
         IS DISTINCT FROM (f.open, f.high, f.low, f.close, f.volume, f.trade_count, f.vwap)
     OR (f.interval_id, f.bar_start) NOT IN
        (SELECT (interval_id, bar_start) FROM {contested_bars} WHERE greater AND NOT within))

-- name: keep_offers
-- Rows that say otherwise than bars of greater priority, each once.
-- writes: offered_bar
-- takes: new_bars: any, contested_bars
-- reads: batch, offered_bar
INSERT INTO offered_bar (interval_id, bar_start, open, high, low, close, volume, trade_count, vwap, batch_id)
SELECT f.interval_id, f.bar_start, f.open, f.high, f.low, f.close, f.volume, f.trade_count, f.vwap, $batch_id
FROM {new_bars} AS f
SEMI JOIN (SELECT * FROM {contested_bars} WHERE greater AND NOT within) AS c
       ON c.interval_id = f.interval_id AND c.bar_start = f.bar_start
ANTI JOIN (SELECT o.interval_id, o.bar_start FROM offered_bar AS o JOIN batch AS t USING (batch_id)
           WHERE t.vendor IS NOT DISTINCT FROM $vendor) AS k
       ON k.interval_id = f.interval_id AND k.bar_start = f.bar_start
ORDER BY f.interval_id, f.bar_start;

-- name: forget_claims
-- Bars that a vendor of greater priority confirms were another's.
-- writes: bar_vendor
-- takes: contested_bars
DELETE FROM bar_vendor AS v USING (SELECT * FROM {contested_bars} WHERE lesser AND within) AS c
WHERE c.interval_id = v.interval_id AND c.bar_start = v.bar_start AND c.batch_id = v.batch_id;

-- name: keep_claims
-- They are its own from now on.
-- writes: bar_vendor
-- takes: contested_bars
INSERT INTO bar_vendor (interval_id, bar_start, batch_id, vendor)
SELECT interval_id, bar_start, batch_id, $vendor FROM {contested_bars} WHERE lesser AND within
ORDER BY interval_id, bar_start;
