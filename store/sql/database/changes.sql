-- What transactions write, noted for whoever keeps a copy up to date.

-- name: keys_in
-- The keys that a relation has, up to a number of them.
-- gives: *
-- takes: relation: any
SELECT DISTINCT {keys} FROM {relation} LIMIT $most;
