-- The catalog of a lake: having it at hand, and what it says of shards.

-- name: load_extension
-- Have DuckDB know lakes, or what their catalogs lie in.
-- part: statement
LOAD {file};

-- name: attach
-- Have a lake at hand, for writing; made when it is not there.
-- part: statement
ATTACH {catalog} AS lake (DATA_PATH {data});

-- name: attach_for_reading
-- Have a lake at hand that is there.
-- part: statement
ATTACH {catalog} AS lake (READ_ONLY);

-- name: use
-- Have names mean what is in the lake.
-- part: statement
USE lake;

-- name: table_names
-- What tables the lake has.
-- gives: table_name
SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake';

-- name: version
-- Which form of the lake it is.
-- gives: version
SELECT version FROM lake.version;

-- name: write_version
-- Which form of the lake it is.
-- writes: version
INSERT INTO lake.version VALUES ($version);

-- name: shards
-- The shards in the order of their symbols, with the file that was published last; nulls before the first.
-- gives: shard, first_symbol, end_symbol, case_sensitive, generation, file, size_bytes, digest, batch_id, bar_count, revision_count
SELECT s.shard, s.first_symbol, s.end_symbol, s.case_sensitive, g.generation, g.file, g.size_bytes, g.digest, g.batch_id,
       g.bar_count, g.revision_count
FROM lake.shard AS s
LEFT JOIN (SELECT * FROM lake.generation
           QUALIFY row_number() OVER (PARTITION BY shard ORDER BY generation DESC) = 1) AS g USING (shard)
ORDER BY s.first_symbol NULLS FIRST;

-- name: newest_shard
-- The greatest number that a shard has had.
-- gives: shard
SELECT coalesce(max(shard), 0) AS shard FROM lake.shard;

-- name: write_shard
-- A shard and the symbols it holds.
-- writes: shard
INSERT INTO lake.shard VALUES ($shard, $first_symbol, $end_symbol, $case_sensitive);

-- name: forget_shard
-- A shard whose symbols are others from now on.
-- writes: shard
DELETE FROM lake.shard WHERE shard = $shard;

-- name: generation_of
-- Which file of a shard counts; no row before the first.
-- gives: generation
SELECT max(generation) AS generation FROM lake.generation WHERE shard = $shard HAVING max(generation) IS NOT NULL;

-- name: write_generation
-- A file that counts for its shard from now on.
-- writes: generation
INSERT INTO lake.generation
VALUES ($shard, $generation, $file, $size_bytes, $digest, $batch_id, $bar_count, $revision_count, $published_at);

-- name: files_named
-- The files of stores that any generation is, or of all but those that count when older ones are given up.
-- gives: file
SELECT file FROM lake.generation
QUALIFY row_number() OVER (PARTITION BY shard ORDER BY generation DESC) <= $kept;
