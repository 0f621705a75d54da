-- Options: what was said of a store when it was made.

-- name: store_options
-- What was said; nothing of what is as usual.
-- gives: name, value
-- reads: store_option
SELECT name, value FROM store_option;

-- name: has_symbols
-- Whether a store has, or had, a symbol.
-- gives: has_symbols
-- reads: symbol
SELECT EXISTS (FROM symbol) AS has_symbols;

-- name: forget_option
-- Have an option as usual.
-- writes: store_option
DELETE FROM store_option WHERE name = $name;

-- name: keep_option
-- Keep what was said.
-- writes: store_option
INSERT INTO store_option (name, value) VALUES ($name, $value);
