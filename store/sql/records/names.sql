-- Names of symbols over time, and the names that sources may call them by.

-- name: names_given
-- What active symbols are or were called by some names: names of today and of before once there are several, and aliases
-- of everybody and of one vendor.
-- gives: name, symbol_id, symbol, is_alias, vendor, valid_from, valid_to
-- reads: symbol, symbol_name
SELECT n.name, n.symbol_id, s.symbol, n.is_alias, n.vendor, n.valid_from, n.valid_to
FROM symbol_name AS n
JOIN symbol AS s ON s.symbol_id = n.symbol_id AND s.removed_at IS NULL
WHERE n.replaced_by IS NULL AND list_contains($names::VARCHAR[], n.name) AND (n.vendor IS NULL OR n.vendor = $vendor)
ORDER BY n.name, n.valid_from NULLS FIRST, n.symbol_id;

-- name: symbols_called
-- Which of some names are those of symbols that are registered now.
-- gives: symbol
-- reads: symbol
SELECT symbol FROM symbol WHERE removed_at IS NULL AND list_contains($symbols::VARCHAR[], symbol);

-- name: names_of_symbol
-- The current names and aliases of one symbol, in the order of time.
-- gives: name, is_alias, vendor, valid_from, valid_to
-- reads: symbol_name
SELECT name, is_alias, vendor, valid_from, valid_to FROM symbol_name
WHERE replaced_by IS NULL AND symbol_id = $symbol_id
ORDER BY is_alias, valid_from NULLS FIRST, name, vendor;

-- name: renamed_since
-- The names that a batch gave or took since another.
-- gives: name
-- reads: symbol_name
SELECT DISTINCT name FROM symbol_name WHERE NOT is_alias AND greatest(batch_id, coalesce(replaced_by, 0)) > $batch_id;

-- name: former_names
-- The names that active symbols had before, with those of today.
-- gives: symbol, name
-- reads: symbol, symbol_name
SELECT DISTINCT s.symbol, n.name
FROM symbol_name AS n
JOIN symbol AS s ON s.symbol_id = n.symbol_id AND s.removed_at IS NULL
WHERE NOT n.is_alias AND n.valid_to IS NOT NULL AND n.replaced_by IS NULL AND n.name <> s.symbol;

-- name: names_then
-- What symbols of some names were called at an instant: those that were called so then, or else those that are today.
-- gives: given, name
-- reads: batch, names_at
WITH told AS (
    SELECT unnest(list_distinct([name, symbol])) AS given, name, symbol_id,
           registered_at <= $as_of::TIMESTAMPTZ AS was_there
    FROM names_at((SELECT coalesce(max(batch_id), 0) FROM batch WHERE committed_at <= $as_of::TIMESTAMPTZ))
    WHERE list_contains($symbols::VARCHAR[], name) OR list_contains($symbols::VARCHAR[], symbol)
)
SELECT given, name FROM told
QUALIFY row_number() OVER (PARTITION BY given ORDER BY was_there DESC, given = name DESC, symbol_id DESC) = 1;
