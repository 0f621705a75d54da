-- Declared columns: numbers that bars have beyond the usual ones.

-- name: declared_columns
-- The columns that are declared, with the ids of the symbols that have them; none are of all.
-- gives: number, name, aggregate, of_all, symbol_ids
-- reads: declared_column, column_symbol
SELECT c.number, c.name, c.aggregate, c.of_all, coalesce(list(o.symbol_id) FILTER (WHERE o.symbol_id IS NOT NULL), []) AS symbol_ids
FROM declared_column AS c
LEFT JOIN column_symbol AS o USING (number)
GROUP BY c.number, c.name, c.aggregate, c.of_all
ORDER BY c.number;

-- name: add_column
-- A column that is new.
-- writes: declared_column
INSERT INTO declared_column (number, name, aggregate, of_all, declared_at)
VALUES ($number, $name, $aggregate, $of_all, $now);

-- name: widen_column
-- A column that all symbols have from now on.
-- writes: declared_column
UPDATE declared_column SET of_all = true WHERE number = $number;

-- name: add_column_symbols
-- Symbols that have a column from now on.
-- writes: column_symbol
-- reads: column_symbol, symbol
INSERT INTO column_symbol (number, symbol_id)
SELECT $number, symbol_id FROM symbol
WHERE removed_at IS NULL AND list_contains($symbols::VARCHAR[], symbol)
  AND symbol_id NOT IN (SELECT symbol_id FROM column_symbol WHERE number = $number)
ORDER BY symbol_id;

-- name: forget_column_symbols
-- Nobody in particular has a column any more.
-- writes: column_symbol
DELETE FROM column_symbol WHERE number = $number;

-- name: forget_column
-- A column is declared no more.
-- writes: declared_column
DELETE FROM declared_column WHERE number = $number;

-- name: count_values
-- How many bars, and old values of such, have a value in a column.
-- gives: value_count
-- reads: bar_values
SELECT count(*) AS value_count FROM bar_values WHERE declared[$number] IS NOT NULL;

-- name: values_without
-- The values of bars as they are without a column.
-- makes: values_left(interval_id, bar_start, batch_id, declared)
-- reads: bar_values
CREATE OR REPLACE TEMP TABLE {values_left} AS
SELECT interval_id, bar_start, batch_id, {trimmed} AS declared
FROM (SELECT * REPLACE (list_transform(declared, lambda x, i: CASE WHEN i <> $number THEN x END) AS declared)
      FROM bar_values WHERE declared[$number] IS NOT NULL);

-- name: drop_values
-- All values of bars that have one in a column go ...
-- writes: bar_values
DELETE FROM bar_values WHERE declared[$number] IS NOT NULL;

-- name: restore_values
-- ... and those in other columns come back.
-- writes: bar_values
-- takes: values_left
INSERT INTO bar_values (interval_id, bar_start, batch_id, declared)
SELECT interval_id, bar_start, batch_id, declared FROM {values_left} WHERE declared IS NOT NULL
ORDER BY interval_id, bar_start, batch_id;

-- name: no_longer_than
-- A list up to the last value that is there; null without any.
-- part: expression
CASE {longest} END

-- name: up_to
-- Up to a place, if there is a value.
-- part: expression
WHEN {list}[{number}] IS NOT NULL THEN {list}[1:{number}]

-- name: no_values
-- No values, where a store declares no columns.
-- part: expression
NULL::TINYINT

-- name: no_list
-- No values, where it declares some.
-- part: expression
NULL::DOUBLE[]
