-- Names: on no date have two symbols one name, the names of one follow each other, and that of today is the last.

-- name: misnamed
-- What is wrong with names and aliases, of now and of before.
-- gives: interval_id, at, stored, expected
-- reads: batch, symbol, symbol_name
WITH span AS (
    SELECT n.*, s.symbol, s.removed_at, coalesce(n.valid_from, DATE '0001-01-01') AS from_,
           coalesce(n.valid_to, DATE '9999-12-31') AS to_,
           CASE WHEN NOT n.is_alias THEN 'name ' ELSE coalesce('alias of ' || n.vendor || ' ', 'alias ') END || n.name
           || ' of ' || coalesce(s.symbol, 'symbol ' || n.symbol_id) || ' from ' || coalesce(n.valid_from::VARCHAR, 'ever')
           || ' to ' || coalesce(n.valid_to::VARCHAR, 'ever') AS what
    FROM symbol_name AS n LEFT JOIN symbol AS s USING (symbol_id)
),
current_ AS (
    SELECT * FROM span WHERE replaced_by IS NULL
),
following AS (
    SELECT *, lead(valid_from) OVER one_symbol AS next_from,
           row_number() OVER one_symbol = count(*) OVER (PARTITION BY symbol_id) AS is_last
    FROM current_ WHERE NOT is_alias
    WINDOW one_symbol AS (PARTITION BY symbol_id ORDER BY from_, to_)
),
called AS (
    SELECT *, lead(batch_id) OVER (PARTITION BY symbol_id ORDER BY batch_id, replaced_by NULLS LAST) AS next_batch
    FROM span WHERE NOT is_alias AND valid_to IS NULL
)
SELECT NULL::INTEGER AS interval_id, NULL::TIMESTAMPTZ AS at, what AS stored, 'a symbol that is registered' AS expected
FROM current_ WHERE symbol IS NULL OR removed_at IS NOT NULL
UNION ALL
SELECT NULL, NULL, a.what || ', and ' || b.what, 'one symbol of a name on a date'
FROM current_ AS a
JOIN current_ AS b ON b.name = a.name AND b.symbol_id > a.symbol_id AND b.is_alias = a.is_alias
                  AND b.vendor IS NOT DISTINCT FROM a.vendor AND a.from_ < b.to_ AND b.from_ < a.to_
UNION ALL
SELECT NULL, NULL, what, 'to ' || coalesce(next_from::VARCHAR, 'ever') || ', where the next name begins'
FROM following WHERE valid_to IS DISTINCT FROM next_from
UNION ALL
SELECT NULL, NULL, what, 'the name of today, ' || symbol
FROM following WHERE is_last AND name <> symbol AND removed_at IS NULL
UNION ALL
SELECT NULL, NULL, a.what, 'another name than ' || s.symbol || ' has today'
FROM current_ AS a
JOIN symbol AS s ON s.symbol = a.name AND s.removed_at IS NULL
WHERE a.is_alias AND a.vendor IS NULL
UNION ALL
SELECT NULL, NULL, what || ' of batch ' || batch_id || ', replaced by ' || coalesce(replaced_by::VARCHAR, 'none'),
       'replaced by a later batch, at most ' || coalesce(next_batch::VARCHAR, 'none')
FROM called WHERE replaced_by <= batch_id OR coalesce(replaced_by, 9223372036854775807) > next_batch
UNION ALL
SELECT NULL, NULL, what || ' of batch ' || batch_id || ', replaced by ' || coalesce(replaced_by::VARCHAR, 'none'),
       'a later batch, and rows in batch'
FROM span
WHERE replaced_by <= batch_id
   OR (batch_id <> 0 AND batch_id NOT IN (SELECT batch_id FROM batch))
   OR (replaced_by IS NOT NULL AND replaced_by NOT IN (SELECT batch_id FROM batch))
UNION ALL
SELECT NULL, NULL, what, 'names with their dates in order, each once, and none without letters'
FROM span
WHERE from_ >= to_ OR name = '' OR (vendor IS NOT NULL AND NOT is_alias)
UNION ALL
SELECT NULL, NULL, count(*) || ' times ' || any_value(what), '1 row'
FROM current_ GROUP BY symbol_id, name, is_alias, vendor, from_ HAVING count(*) > 1;
