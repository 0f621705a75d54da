-- Levels: base bars put together bucket by bucket.
--
-- A level is a temporary table with one row per base interval and bucket. Its key, one integer, says where it lies: in
-- 22 bits the number of the base interval, in 21 that of the segment (blocks of sessions: the first segment of their
-- first session), in 20 the bucket in the segment; so keys come in the order of the bar table. Coarser levels are made
-- from finer ones; sums stay exact decimals until a bar is written, so the path taken leaves no trace in the bits.

-- name: trades_of_bars
-- What base bars know of their trades, summed up.
-- part: columns
CASE WHEN count(b.trade_count) = count(*) THEN sum(b.trade_count) END AS trade_count,
       sum(CASE WHEN b.volume > 0 THEN (b.vwap * b.volume)::DECIMAL(38, 15) END) AS turnover,
       bool_and(b.volume = 0 OR b.vwap IS NOT NULL) AS vwap_known

-- name: trades_of_level
-- What a level knows of them.
-- part: columns
CASE WHEN count(l.trade_count) = count(*) THEN sum(l.trade_count) END AS trade_count,
       sum(l.turnover) AS turnover, bool_and(l.vwap_known) AS vwap_known

-- name: no_trades
-- The same where no base bar knows anything of its trades.
-- part: columns
NULL::HUGEINT AS trade_count, NULL::DECIMAL(38, 15) AS turnover, false AS vwap_known

-- name: aggregates_of_bars
-- What base bars come to in a bucket.
-- part: columns
arg_min(b.open, b.bar_start) AS open, max(b.high) AS high, min(b.low) AS low,
       arg_max(b.close, b.bar_start) AS close,
       sum(b.volume::DECIMAL(38, 9)) AS volume,
       {trades},
       {declared} AS declared,
       sum(b.base_count) AS base_count

-- name: aggregates_of_level
-- What shorter buckets come to in a longer one.
-- part: columns
arg_min(l.open, l.key) AS open, max(l.high) AS high, min(l.low) AS low, arg_max(l.close, l.key) AS close,
       sum(l.volume) AS volume,
       {trades},
       {declared} AS declared,
       sum(l.base_count) AS base_count

-- name: trades_known
-- Whether any base bar there knows anything of its trades.
-- gives: known
-- reads: bar
SELECT EXISTS (FROM bar WHERE bar_start >= $first_start::TIMESTAMPTZ AND bar_start <= $last_end::TIMESTAMPTZ
                          AND (trade_count IS NOT NULL OR vwap IS NOT NULL)) AS known;

-- name: level_from_bars
-- Buckets of a segment from the base bars. A closing bar starts where its segment ends and joins the last bucket.
-- makes: level(key, open, high, low, close, volume, trade_count, turnover, vwap_known, declared, base_count)
-- takes: segments_to_read
-- reads: bar
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT s.key + least((epoch_us(b.bar_start) - s.open_us) // $width_us, (s.close_us - s.open_us - 1) // $width_us) AS key,
       {aggregates}
FROM {bars} AS b
JOIN {segments_to_read} AS s ON s.base_id = b.interval_id AND s.session_date = b.session_date AND s.segment = b.segment
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start <= $last_end::TIMESTAMPTZ
  AND b.interval_id IN (SELECT base_id FROM {segments_to_read})
GROUP BY 1;

-- name: level_from_level
-- Buckets of a segment from shorter ones that divide them.
-- makes: level(key, open, high, low, close, volume, trade_count, turnover, vwap_known, declared, base_count)
-- takes: parent: level
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT ((l.key >> 20) << 20) + (l.key & 1048575) // $ratio AS key,
       {aggregates}
FROM {parent} AS l
GROUP BY 1;

-- name: block_from_bars
-- Blocks of sessions from the base bars.
-- makes: level(key, open, high, low, close, volume, trade_count, turnover, vwap_known, declared, base_count)
-- takes: segments_to_read, first_segments
-- reads: bar
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT ((s.key >> 41) << 41) + (k.first_number << 20) AS key,
       {aggregates}
FROM {bars} AS b
JOIN {segments_to_read} AS s ON s.base_id = b.interval_id AND s.session_date = b.session_date AND s.segment = b.segment
JOIN {first_segments} AS k ON k.number = (s.key >> 20) & 2097151
WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start <= $last_end::TIMESTAMPTZ
  AND b.interval_id IN (SELECT base_id FROM {segments_to_read})
GROUP BY 1;

-- name: block_from_level
-- Blocks of sessions from buckets of segments, or from shorter blocks.
-- makes: level(key, open, high, low, close, volume, trade_count, turnover, vwap_known, declared, base_count)
-- takes: parent: level, first_segments
CREATE OR REPLACE TEMP TABLE {level} AS
SELECT ((l.key >> 41) << 41) + (k.first_number << 20) AS key,
       {aggregates}
FROM {parent} AS l
JOIN {first_segments} AS k ON k.number = (l.key >> 20) & 2097151
GROUP BY 1;
