-- Whose values are, where a batch that is no load writes them.

-- name: carry_vendors
-- The base bars that a batch wrote have the values of bars that were there before, and are of the same vendor.
-- writes: bar_vendor
-- takes: placed_bars
-- reads: vendor, bar, batch
INSERT INTO bar_vendor (interval_id, bar_start, batch_id, vendor)
SELECT b.interval_id, b.bar_start, b.batch_id, CASE WHEN v.interval_id IS NULL THEN t.vendor ELSE v.vendor END AS vendor_
FROM bar AS b
JOIN {placed_bars} AS p ON p.interval_id = b.interval_id AND p.bar_start = b.bar_start
JOIN batch AS t ON t.batch_id = p.from_batch_id
LEFT JOIN bar_vendor AS v
       ON v.interval_id = p.interval_id AND v.bar_start = p.from_start AND v.batch_id = p.from_batch_id
WHERE b.batch_id = $batch_id AND EXISTS (FROM vendor) AND vendor_ IS NOT NULL
ORDER BY b.interval_id, b.bar_start;

-- name: carry_offers
-- What was offered for bars that start elsewhere now goes with them, unless the same vendor has offered some there.
-- writes: offered_bar
-- takes: placed_bars
-- reads: batch
UPDATE offered_bar AS o SET bar_start = p.bar_start
FROM {placed_bars} AS p, batch AS t
WHERE p.interval_id = o.interval_id AND p.from_start = o.bar_start AND p.bar_start <> p.from_start
  AND t.batch_id = o.batch_id
  AND (o.interval_id, p.bar_start, coalesce(t.vendor, '')) NOT IN (
      SELECT (n.interval_id, n.bar_start, coalesce(b.vendor, '')) FROM offered_bar AS n JOIN batch AS b USING (batch_id));
