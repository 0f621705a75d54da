-- Giving symbols other names, and aliases.

-- name: end_names
-- The current names of a symbol that are replaced: the one of today, or an alias of everybody or of one vendor.
-- writes: symbol_name
UPDATE symbol_name SET replaced_by = $batch_id
WHERE symbol_id = $symbol_id AND replaced_by IS NULL
  AND CASE WHEN $alias::VARCHAR IS NULL THEN NOT is_alias AND valid_to IS NULL
           ELSE is_alias AND name = $alias AND vendor IS NOT DISTINCT FROM $vendor END;

-- name: add_name
-- A name, or an alias, of a symbol.
-- writes: symbol_name
INSERT INTO symbol_name (symbol_id, name, is_alias, vendor, valid_from, valid_to, batch_id, replaced_by)
VALUES ($symbol_id, $name, $is_alias, $vendor, $valid_from::DATE, $valid_to::DATE, $batch_id, $replaced_by);

-- name: call_symbol
-- The name of today.
-- writes: symbol
UPDATE symbol SET symbol = $name WHERE symbol_id = $symbol_id;

-- name: end_all_names
-- Names and aliases of a symbol that is removed.
-- writes: symbol_name
UPDATE symbol_name SET replaced_by = $batch_id WHERE symbol_id = $symbol_id AND replaced_by IS NULL;

-- name: purge_names
-- And of symbols that leave no history.
-- writes: symbol_name
DELETE FROM symbol_name WHERE list_contains($symbol_ids::INTEGER[], symbol_id);

-- name: names_of_batch
-- The symbols whose names a batch gave or took, and what they are called, before it too.
-- gives: symbol_id, symbol, removed_at, called_before
-- reads: symbol, symbol_name
SELECT s.symbol_id, s.symbol, s.removed_at,
       max(n.name) FILTER (WHERE n.replaced_by = $batch_id AND NOT n.is_alias AND n.valid_to IS NULL) AS called_before
FROM symbol_name AS n
JOIN symbol AS s USING (symbol_id)
WHERE n.batch_id = $batch_id OR n.replaced_by = $batch_id
GROUP BY s.symbol_id, s.symbol, s.removed_at
ORDER BY s.symbol;

-- name: name_batches_since
-- The later batches that gave or took names of symbols.
-- gives: batch_id, kind
-- reads: batch, symbol_name
SELECT DISTINCT b.batch_id, b.kind
FROM (SELECT symbol_id, unnest([batch_id, replaced_by]) AS batch_id FROM symbol_name) AS n
JOIN batch AS b USING (batch_id)
WHERE n.batch_id > $batch_id AND list_contains($symbol_ids::INTEGER[], n.symbol_id)
ORDER BY b.batch_id;

-- name: names_replaced
-- The names and aliases that a batch replaced.
-- gives: symbol_id, name, is_alias, vendor, valid_from, valid_to
-- reads: symbol_name
SELECT symbol_id, name, is_alias, vendor, valid_from, valid_to FROM symbol_name WHERE replaced_by = $batch_id;

-- name: take_names_back
-- The names and aliases that a batch gave go, also where they went meanwhile and are back.
-- writes: symbol_name
UPDATE symbol_name SET replaced_by = $new_batch
WHERE replaced_by IS NULL
  AND (symbol_id, name, is_alias, coalesce(vendor, ''), coalesce(valid_from, DATE '0001-01-01'),
       coalesce(valid_to, DATE '9999-12-31'))
      IN (SELECT (b.symbol_id, b.name, b.is_alias, coalesce(b.vendor, ''), coalesce(b.valid_from, DATE '0001-01-01'),
                  coalesce(b.valid_to, DATE '9999-12-31'))
          FROM symbol_name AS b WHERE b.batch_id = $batch_id);

-- name: names_in_the_way
-- Names, and aliases of one vendor or everybody, that other symbols have now for sessions for which a batch replaced them.
-- gives: name, symbol, other
-- reads: symbol, symbol_name
SELECT a.name, s.symbol, t.symbol AS other
FROM symbol_name AS a
JOIN symbol_name AS b ON b.name = a.name AND b.symbol_id <> a.symbol_id AND b.is_alias = a.is_alias
                     AND b.vendor IS NOT DISTINCT FROM a.vendor AND b.replaced_by IS NULL
JOIN symbol AS s ON s.symbol_id = a.symbol_id
JOIN symbol AS t ON t.symbol_id = b.symbol_id
WHERE a.replaced_by = $batch_id
  AND coalesce(a.valid_from, DATE '0001-01-01') < coalesce(b.valid_to, DATE '9999-12-31')
  AND coalesce(b.valid_from, DATE '0001-01-01') < coalesce(a.valid_to, DATE '9999-12-31')
UNION ALL
SELECT a.name, s.symbol, t.symbol
FROM symbol_name AS a
JOIN symbol AS s ON s.symbol_id = a.symbol_id
JOIN symbol AS t ON t.symbol = a.name AND t.symbol_id <> a.symbol_id AND t.removed_at IS NULL
WHERE a.replaced_by = $batch_id AND (a.is_alias AND a.vendor IS NULL OR NOT a.is_alias AND a.valid_to IS NULL)
ORDER BY 1, 2, 3;
