-- Dividing a shard: what each half gives up.

-- name: all_symbols
-- Every name that a symbol has or had.
-- gives: symbol
-- reads: symbol
SELECT DISTINCT symbol FROM symbol ORDER BY symbol;

-- name: forget_rejected
-- Rows that loads did not take.
-- writes: rejected_bar
DELETE FROM rejected_bar;
