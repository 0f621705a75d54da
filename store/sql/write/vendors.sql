-- Whose values are, where a batch that is no load writes them.

-- name: carry_vendors
-- The base bars that a batch wrote have the values of bars that another one replaced ($of; or itself, which moved
-- them), and are of the same vendor. Bars of 1d and longer may start elsewhere by now.
-- writes: bar_vendor
-- reads: vendor, bar, bar_revision, interval_definition, batch
INSERT INTO bar_vendor (interval_id, bar_start, batch_id, vendor)
SELECT b.interval_id, b.bar_start, b.batch_id, CASE WHEN v.interval_id IS NULL THEN t.vendor ELSE v.vendor END AS vendor_
FROM bar AS b
JOIN interval_definition AS d ON d.interval_id = b.interval_id AND NOT d.derived
JOIN bar_revision AS r ON r.interval_id = b.interval_id AND r.replaced_by = $of
                      AND CASE WHEN d.unit = 'second' THEN r.bar_start ELSE NULL END IS NOT DISTINCT FROM
                          CASE WHEN d.unit = 'second' THEN b.bar_start ELSE NULL END
                      AND CASE WHEN d.unit = 'second' THEN NULL ELSE r.session_date END IS NOT DISTINCT FROM
                          CASE WHEN d.unit = 'second' THEN NULL ELSE b.session_date END
JOIN batch AS t ON t.batch_id = r.batch_id
LEFT JOIN bar_vendor AS v
       ON v.interval_id = r.interval_id AND v.bar_start = r.bar_start AND v.batch_id = r.batch_id
WHERE b.batch_id = $batch_id AND EXISTS (FROM vendor) AND vendor_ IS NOT NULL
ORDER BY b.interval_id, b.bar_start;
