-- Reading sources: from rows as given to canonical rows, which are parsed but not judged.

-- name: describe
-- The columns a source has.
-- gives: column_name, column_type, null, key, default, extra
-- takes: rows: any
DESCRIBE SELECT * FROM {rows};

-- name: parquet_rows
-- Parquet files, one after the other; columns are matched by name.
-- part: source_rows
read_parquet([{paths}], union_by_name = true{more})

-- name: parquet_rows_numbered
-- One Parquet file, with the place of each row in it.
-- part: source_rows
read_parquet([{paths}], file_row_number = true{more})

-- name: csv_rows
-- Text files, every field as it stands; lines that are no rows are passed over.
-- part: source_rows
read_csv([{paths}], all_varchar = true, {header}, compression = {compression}, skip = {skip}, quote = '"',
         ignore_errors = true{more})

-- name: csv_rows_noting_malformed
-- The same, with the lines that are no rows noted.
-- part: source_rows
read_csv([{paths}], all_varchar = true, {header}, compression = {compression}, skip = {skip}, quote = '"',
         store_rejects = true, rejects_table = {lines_name}, rejects_scan = {scans_name}{more})

-- name: header_in_file
-- The first line of a text file names its columns.
-- part: options
header = true

-- name: header_given
-- The columns of a text file have names that it does not say itself.
-- part: options
header = false, names = [{names}]

-- name: header_repeated
-- The same, where a text file says those names itself.
-- part: options
header = true, names = [{names}]

-- name: folders_name_no_columns
-- Folders named column=value are just folders.
-- part: options
, hive_partitioning = false

-- name: path_as_column
-- Each row says which file it is of.
-- part: options
, filename = 'source_path'

-- name: delimiter_said
-- What stands between the fields of a line is said, not found out.
-- part: options
, delim = {sign}

-- name: rows_by_name
-- Rows, and after them others; columns are matched by name. DuckDB puts text files together by name, or notes malformed
-- lines, but not both.
-- part: source_rows
{before}
UNION ALL BY NAME
SELECT * FROM {rows}

-- name: rows_alone
-- All rows of one file.
-- part: source_rows
SELECT * FROM {rows}

-- name: rows_together
-- Rows that are put together, as one.
-- part: source_rows
({rows})

-- name: rows_with_path_symbol
-- Rows of files whose path says whose they are.
-- part: source_rows
(SELECT * EXCLUDE (source_path), url_decode(regexp_extract({path}, {pattern}, 1)) AS path_symbol FROM {rows})

-- name: path_read
-- The path that a row was read from.
-- part: expression
source_path

-- name: path_given
-- The path that was given for it: another where the file was unpacked.
-- part: expression
list_extract([{given}], list_position([{read}], source_path))

-- name: rows_wanted
-- The rows of some symbols.
-- part: source_rows
(SELECT * FROM {rows} WHERE {wanted})

-- name: forget_malformed
-- What an earlier load of the same transaction noted.
-- writes: noted
-- takes: noted: any
DROP TABLE IF EXISTS {noted};

-- name: symbols_given
-- The symbols a source names, each once, as it spells them.
-- gives: symbol_given
-- takes: rows: any
SELECT DISTINCT {symbol}::VARCHAR AS symbol_given FROM {rows} WHERE {symbol} IS NOT NULL;

-- name: symbols_beside
-- The symbols that rows name, by what their path says.
-- gives: path_symbol, names
-- takes: rows: any
SELECT {path}::VARCHAR AS path_symbol, list(DISTINCT {symbol}::VARCHAR) AS names
FROM {rows} WHERE {path} IS NOT NULL AND {symbol} IS NOT NULL GROUP BY ALL ORDER BY ALL;

-- name: count_dates
-- How many stamps of a source are dates without a time of day.
-- gives: date_count
-- takes: rows: any
SELECT count(*) FILTER (WHERE {is_date}) AS date_count FROM {rows};

-- name: times_in_digits
-- How long the longest of the times of day is that are digits alone, the greatest of them, and how many begin with a zero or do not
-- end with two.
-- gives: row_count, longest, greatest, padded_count, uneven_count
-- takes: rows: any
SELECT count(*) AS row_count, max(length(d)) AS longest, max(d::INTEGER) AS greatest,
       count(*) FILTER (WHERE d LIKE '0_%') AS padded_count, count(*) FILTER (WHERE d::INTEGER % 100 <> 0) AS uneven_count
FROM (SELECT {digits} AS d FROM {rows} WHERE regexp_full_match({digits}, {form}));

-- name: instruments_of_one_stamp
-- How many stamps have rows of several instruments, by a column that tells them apart; and some of those, as texts.
-- gives: stamp_count, some
-- takes: rows: any
SELECT count(*) AS stamp_count, coalesce(list_sort(any_value(names)), []) AS some
FROM (SELECT list(DISTINCT trim({instrument}::VARCHAR)) AS names FROM {rows} GROUP BY {bar} HAVING len(names) > 1);

-- name: some_values
-- Some of the values of a column, each once, as texts.
-- gives: text
-- takes: rows: any
SELECT DISTINCT trim({value}::VARCHAR) AS text FROM {rows} WHERE {value} IS NOT NULL AND text <> '' ORDER BY text LIMIT $most;

-- name: fractions
-- How many rows have a price that is no whole number; and one of those prices, as it is written.
-- gives: price_count, first_price
-- takes: rows: any
SELECT count(price) AS price_count, min(price) AS first_price FROM (SELECT {price} AS price FROM {rows});

-- name: first_of
-- The first value that is there.
-- part: expression
coalesce({values})

-- name: steps
-- How far the stamps of each symbol are apart, in seconds: how many steps there are, how many of them are shorter than
-- bars are long, the shortest step of all and how many are just that; and how many stamps there are, how many at midnight.
-- gives: step_count, short_count, common, common_count, stamp_count, midnight_count
WITH stamped AS (
    SELECT DISTINCT symbol_given, coalesce(epoch_us(local), epoch_us(instant_given)) // 1000000 AS second
    FROM {canonical_rows}
),
stepped AS (
    SELECT second, second - lag(second) OVER (PARTITION BY symbol_given ORDER BY second) AS step
    FROM stamped WHERE second IS NOT NULL
),
shortest AS (SELECT min(step) AS step FROM stepped)
SELECT count(step) AS step_count, count(*) FILTER (WHERE step < {least}) AS short_count,
       coalesce(any_value((SELECT step FROM shortest)), 0) AS common,
       count(*) FILTER (WHERE step = (SELECT step FROM shortest)) AS common_count,
       count(*) AS stamp_count, count(*) FILTER (WHERE second % 86400 = 0) AS midnight_count
FROM stepped;

-- name: count_midnights
-- Whether there are instants, and each of them is a midnight where it is that local time.
-- gives: are_midnights
SELECT coalesce(bool_and(local = date_trunc('day', local)), false) AS are_midnights
FROM (SELECT {local} AS local FROM {canonical_rows} WHERE instant_given IS NOT NULL);

-- name: number_range
-- The least and the greatest of the stamps that are whole numbers, their sign and zeros aside.
-- gives: least, greatest
-- takes: rows: any
SELECT min(n) AS least, max(n) AS greatest FROM (SELECT abs({number}) AS n FROM {rows}) WHERE n > 0;

-- name: canonical_rows
-- The rows as given, parsed but not judged, with their place in the source, from 1.
-- Stamps outside the years 1 to 9999 are none: nothing but a database could hold them.
-- part: canonical_rows(file_row, symbol_given, local, instant_given, open, high, low, close, volume,
-- trade_count, vwap, declared, misread)
(SELECT * REPLACE (
    CASE WHEN local BETWEEN TIMESTAMP '0001-01-02' AND TIMESTAMP '9999-12-30' THEN local END AS local,
    CASE WHEN instant_given BETWEEN beginning() AND make_timestamptz(253402214400000000) THEN instant_given END
        AS instant_given)
FROM (
SELECT {file_row} AS file_row, {symbol} AS symbol_given, {local} AS local, {instant} AS instant_given,
       {open} AS open, {high} AS high, {low} AS low, {close} AS close, {volume} AS volume,
       {trade_count} AS trade_count, {vwap} AS vwap, {declared} AS declared, {misread} AS misread
FROM {rows}))

-- name: row_counted
-- The place of a row in a source, counted as it is read. Row ids would not do: inside a transaction DuckDB counts
-- them from elsewhere.
-- part: expression
row_number() OVER ()

-- name: row_of_parquet
-- The place of a row in a Parquet file, which several threads may read.
-- part: expression
file_row_number + 1

-- name: keep_parsed_rows
-- Text is parsed once; what it comes to is asked several times.
-- makes: parsed_rows(symbol_given, local, instant_given, open, high, low, close, volume, trade_count, vwap, declared,
-- misread)
CREATE OR REPLACE TEMP TABLE {parsed_rows} AS SELECT * EXCLUDE (file_row) FROM {canonical_rows};

-- name: kept_in_order
-- The rows that were kept, with their place in the source.
-- part: canonical_rows(file_row, symbol_given, local, instant_given, open, high, low, close, volume,
-- trade_count, vwap, declared, misread)
-- takes: parsed_rows
(SELECT row_number() OVER () AS file_row, * FROM {parsed_rows})

-- name: bars_as_rows
-- Bars that come in our own columns, with their place among each other, from 1. A date is asked for where bars are as
-- long as sessions. Adding zero turns -0.0 into 0.0.
-- part: canonical_rows(file_row, symbol_given, local, instant_given, open, high, low, close, volume,
-- trade_count, vwap, declared, misread)
-- takes: canonical_bars
(SELECT row_number() OVER () AS file_row, symbol AS symbol_given, {local} AS local,
        CASE WHEN bar_start BETWEEN beginning() AND make_timestamptz(253402214400000000) THEN bar_start END
            AS instant_given,
        open + 0.0 AS open, high + 0.0 AS high, low + 0.0 AS low, close + 0.0 AS close, volume + 0.0 AS volume,
        trade_count, CASE WHEN NOT isnan(vwap) THEN vwap + 0.0 END AS vwap, {declared} AS declared,
        NULL::VARCHAR AS misread
 FROM {canonical_bars})

-- name: no_local_time
-- An instant needs no local time.
-- part: expression
NULL::TIMESTAMP

-- name: local_time_in_utc
-- The local time of an instant, in UTC.
-- part: expression
timezone('UTC', bar_start)

-- name: bounds
-- How many rows there are, the time they span, and how many stamps need a time zone to mean an instant.
-- Stamps at midnight name a date where bars are as long as sessions; those need none. A span that leaves the years 1 to
-- 9999, which is all that Python knows, ends there.
-- gives: row_count, first_instant, last_instant, naive_count, naive_time_count
SELECT row_count,
       CASE WHEN first_given IS NOT NULL
            THEN least(greatest(first_given, TIMESTAMPTZ '0001-01-02 00:00:00+00'), TIMESTAMPTZ '9999-12-30 00:00:00+00')
       END AS first_instant,
       CASE WHEN last_given IS NOT NULL
            THEN least(greatest(last_given, TIMESTAMPTZ '0001-01-02 00:00:00+00'), TIMESTAMPTZ '9999-12-30 00:00:00+00')
       END AS last_instant,
       naive_count, naive_time_count
FROM (SELECT count(*) AS row_count,
             least(min(instant_given), min(local::TIMESTAMPTZ)) AS first_given,
             greatest(max(instant_given), max(local::TIMESTAMPTZ)) AS last_given,
             count(*) FILTER (WHERE instant_given IS NULL AND local IS NOT NULL) AS naive_count,
             count(*) FILTER (WHERE instant_given IS NULL AND local <> date_trunc('day', local)) AS naive_time_count
      FROM {canonical_rows});
