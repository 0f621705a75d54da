-- Trades: kept for a while, so that base bars built from them are the same in whatever order they come. One whose values
-- are refused is kept without them: the bar it belongs to lacks it.

-- name: calendars_of_trades
-- The base intervals of the symbols that trades name.
-- gives: calendar
-- takes: given_trades
-- reads: definition
SELECT DISTINCT calendar FROM definition
WHERE NOT derived AND unit = 'second' AND symbol IN (SELECT symbol FROM {given_trades});

-- name: make_judged_trades
-- Each trade and cancellation with the base bar it belongs to (in its segment, or between segments counted from the
-- close before), or with the reason why it is not taken.
-- makes: judged_trades(given_row, interval_id, trade_id, bar_start, traded_at, sequence, revision, price, size,
--    cancelled, lacking, reason)
-- takes: given_trades
-- reads: calendar_segment, definition, trading_calendar
CREATE OR REPLACE TEMP TABLE {judged_trades} AS
WITH named AS (
    SELECT g.*, d.interval_id, d.unit, d.calendar, d.length, c.known_through
    FROM {given_trades} AS g
    LEFT JOIN definition AS d ON d.symbol = g.symbol AND NOT d.derived
    LEFT JOIN trading_calendar AS c ON c.calendar = d.calendar
),
placed AS (
    SELECT n.*, s.next_open, n.traded_at < s.segment_close AS is_inside,
           CASE WHEN n.traded_at < s.segment_close THEN s.segment_open ELSE s.segment_close END AS counted_from
    FROM named AS n
    ASOF LEFT JOIN (SELECT calendar, segment_open, segment_close,
                           lead(segment_open) OVER (PARTITION BY calendar ORDER BY segment_open) AS next_open
                    FROM calendar_segment WHERE calendar IN (SELECT calendar FROM named)) AS s
      ON s.calendar = n.calendar AND n.traded_at >= s.segment_open
),
found AS (
    SELECT *, later(counted_from, (epoch_us(traded_at) - epoch_us(counted_from)) // (length::BIGINT * 1000000) * length)
                  AS bar_start
    FROM placed
),
weighed AS (
    SELECT *, CASE WHEN cancelled THEN NULL
                   WHEN abs(price) * size >= $turnover_limit OR size >= $volume_limit THEN 'price times size is too large'
                   WHEN size < 1e-6 AND abs(TRY_CAST(size AS DECIMAL(38, 9))::DOUBLE - size) > size / 1000
                   THEN 'size is too small to be summed exactly'
              END AS unfit,
           CASE WHEN interval_id IS NULL THEN 'symbol ' || symbol || ' is not registered'
                WHEN unit <> 'second' THEN symbol || ' has a base of 1d or longer, into which no trades are built'
                WHEN traded_at > $latest THEN 'more than a day ahead of the clock'
                WHEN bar_start < $kept_from THEN 'older than the trades that are kept'
                WHEN cancelled THEN NULL
                WHEN NOT is_inside AND later(bar_start, length) > next_open
                THEN 'between sessions, too near the open for a whole bar'
                WHEN bar_start IS NULL OR traded_at::DATE > known_through
                THEN 'beyond what calendar ' || calendar || ' is known for'
           END AS misplaced
    FROM found
)
SELECT given_row, interval_id, trade_id, bar_start, traded_at, sequence, revision,
       CASE WHEN unfit IS NULL THEN price END AS price, CASE WHEN unfit IS NULL THEN size END AS size, cancelled,
       misplaced IS NULL AND unfit IS NOT NULL AS lacking, coalesce(misplaced, unfit) AS reason
FROM weighed;

-- name: rejected_trades
-- The trades that are not taken, by their place in the batch.
-- gives: given_row, reason
-- takes: judged_trades
SELECT given_row, reason FROM {judged_trades} WHERE reason IS NOT NULL ORDER BY given_row;

-- name: make_new_trades
-- What a batch says of each trade in the end: a cancellation is final, then the highest revision counts.
-- makes: new_trades(interval_id, trade_id, bar_start, traded_at, sequence, revision, price, size, cancelled)
-- takes: judged_trades
CREATE OR REPLACE TEMP TABLE {new_trades} AS
WITH taken AS (
    SELECT * FROM {judged_trades} WHERE reason IS NULL OR lacking
),
latest AS (
    SELECT interval_id, trade_id,
           arg_max(given_row, (cancelled, revision, coalesce(traded_at, beginning()), sequence,
                               coalesce(price, '-infinity'::DOUBLE), coalesce(size, 0))) AS given_row
    FROM taken
    GROUP BY interval_id, trade_id
)
SELECT t.* EXCLUDE (given_row, lacking, reason) FROM taken AS t SEMI JOIN latest AS l USING (given_row);

-- name: make_trade_changes
-- What of it is news: a trade not known yet, a cancellation, a later revision. Every order of arrival ends the same.
-- makes: trade_changes(interval_id, trade_id, bar_start, traded_at, sequence, revision, price, size, cancelled,
--    old_start, is_known)
-- takes: new_trades
-- reads: trade
CREATE OR REPLACE TEMP TABLE {trade_changes} AS
SELECT f.interval_id, f.trade_id, coalesce(f.bar_start, t.bar_start) AS bar_start,
       coalesce(f.traded_at, t.traded_at) AS traded_at, f.sequence, f.revision, f.price, f.size, f.cancelled,
       t.bar_start AS old_start, t.trade_id IS NOT NULL AS is_known
FROM {new_trades} AS f
LEFT JOIN trade AS t ON t.interval_id = f.interval_id AND t.trade_id = f.trade_id
WHERE t.trade_id IS NULL
   OR (NOT t.cancelled
       AND (f.cancelled OR (f.revision, f.traded_at, f.sequence, coalesce(f.price, '-infinity'::DOUBLE), coalesce(f.size, 0))
                 > (t.revision, t.traded_at, t.sequence, coalesce(t.price, '-infinity'::DOUBLE), coalesce(t.size, 0))));

-- name: progress
-- How far the trades that are news have brought a feed, in the order they came: the first of those that are not late and
-- the last, how long after it was made one came at the least, how far behind the latest one was at the most, and the last
-- that came long after the one before, while that was not the present yet.
-- gives: first_at, last_at, lag_us, lateness_us, leaps_to
-- takes: judged_trades, trade_changes
SELECT arg_min(traded_at, given_row) FILTER (WHERE traded_at > $not_before) AS first_at,
       max(traded_at) FILTER (WHERE traded_at > $not_before) AS last_at,
       min(greatest(epoch_us($arrived_at::TIMESTAMPTZ) - epoch_us(traded_at), 0)) FILTER (WHERE traded_at > $not_before) AS lag_us,
       max(epoch_us(greatest(reached, $reached::TIMESTAMPTZ)) - epoch_us(traded_at)) AS lateness_us,
       max(traded_at) FILTER (WHERE traded_at > $not_before AND greatest(before_, $before::TIMESTAMPTZ) < $present
                                AND epoch_us(traded_at) - epoch_us(greatest(before_, $before::TIMESTAMPTZ)) > $leap_us) AS leaps_to
FROM (SELECT given_row, traded_at, max(traded_at) OVER (ORDER BY given_row) AS reached,
             max(CASE WHEN traded_at > $not_before THEN traded_at END)
                 OVER (ORDER BY given_row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_
      FROM {judged_trades} AS j
      SEMI JOIN (FROM {trade_changes} WHERE NOT is_known) AS c ON c.interval_id = j.interval_id AND c.trade_id = j.trade_id
      WHERE NOT j.cancelled AND j.bar_start IS NOT NULL AND j.traded_at <= $newest
      QUALIFY row_number() OVER (PARTITION BY j.interval_id, j.trade_id ORDER BY given_row) = 1);

-- name: first_news
-- When the first trade that is news was made, and the last before it that was known.
-- gives: first_at, last_before
-- takes: trade_changes
-- reads: trade
SELECT first_at, (SELECT max(traded_at) FROM trade WHERE traded_at < f.first_at AND NOT cancelled) AS last_before
FROM (SELECT min(traded_at) AS first_at FROM {trade_changes} WHERE NOT is_known AND NOT cancelled) AS f;

-- name: mark_changed_bars
-- The base bars whose trades changed.
-- writes: trade_bucket
-- takes: trade_changes
-- reads: trade_bucket
INSERT INTO trade_bucket (interval_id, bar_start)
SELECT interval_id, bar_start FROM {trade_changes} WHERE bar_start IS NOT NULL AND (is_known OR NOT cancelled)
UNION
SELECT interval_id, old_start FROM {trade_changes} WHERE old_start IS NOT NULL
EXCEPT
SELECT interval_id, bar_start FROM trade_bucket;

-- name: apply_trade_changes
-- The trades as they are now.
-- writes: trade
-- takes: trade_changes
MERGE INTO trade AS t
USING {trade_changes} AS c ON t.interval_id = c.interval_id AND t.trade_id = c.trade_id
WHEN MATCHED THEN UPDATE SET
    bar_start = c.bar_start, traded_at = c.traded_at, sequence = c.sequence, revision = c.revision,
    price = c.price, size = c.size, cancelled = c.cancelled, seen_at = $now
WHEN NOT MATCHED THEN INSERT (interval_id, trade_id, bar_start, traded_at, sequence, revision, price, size, cancelled,
                              seen_at)
    VALUES (c.interval_id, c.trade_id, c.bar_start, c.traded_at, c.sequence, c.revision, c.price, c.size, c.cancelled,
            $now);

-- name: waiting_buckets
-- Base bars whose trades changed since they were built.
-- part: waiting_buckets(interval_id, bar_start)
-- reads: trade_bucket
(SELECT interval_id, bar_start FROM trade_bucket)

-- name: buckets_after
-- Base bars with trades that end after an instant.
-- part: waiting_buckets(interval_id, bar_start)
-- reads: definition, trade
(SELECT DISTINCT t.interval_id, t.bar_start FROM trade AS t JOIN definition AS d USING (interval_id)
 WHERE later(t.bar_start, d.length) > $after::TIMESTAMPTZ)

-- name: make_stored_bars
-- Of these, those that are stored, and whether they are whole.
-- makes: stored_bars_of_trades(interval_id, bar_start, open, high, low, close, volume, trade_count, vwap, is_whole)
-- takes: waiting_buckets: any
-- reads: bar
CREATE OR REPLACE TEMP TABLE {stored_bars_of_trades} AS
SELECT b.interval_id, b.bar_start, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap,
       b.base_count >= CASE WHEN b.session_date IS NOT NULL AND b.expected_count = 0 THEN 0 ELSE 1 END AS is_whole
FROM bar AS b SEMI JOIN {waiting_buckets} AS w ON w.interval_id = b.interval_id AND w.bar_start = b.bar_start;

-- name: make_due_bars
-- The base bars to build: their trades changed, and they have ended; those that are stored already, as soon as the clock
-- says so. seen: the trades of the feed were followed from its start to its end; begun: as yet from its start on.
-- makes: due_bars(interval_id, bar_start, symbol, interval, seen, begun)
-- takes: waiting_buckets: any, stored_bars_of_trades, seen_stretches
-- reads: definition, followed_symbol
CREATE OR REPLACE TEMP TABLE {due_bars} AS
SELECT b.interval_id, b.bar_start, any_value(d.symbol) AS symbol, any_value(d.interval) AS interval,
       coalesce(bool_or(s.seen_from <= b.bar_start AND later(b.bar_start, d.length) <= s.seen_to
                        AND f.followed_from <= b.bar_start), false) AS seen,
       coalesce(bool_or(s.is_open AND s.seen_from <= b.bar_start AND f.followed_from <= b.bar_start), false) AS begun
FROM {waiting_buckets} AS b
JOIN definition AS d USING (interval_id)
LEFT JOIN followed_symbol AS f USING (interval_id)
LEFT JOIN {seen_stretches} AS s ON true
LEFT JOIN {stored_bars_of_trades} AS t ON t.interval_id = b.interval_id AND t.bar_start = b.bar_start
WHERE later(b.bar_start, d.length) <= $through
   OR (t.interval_id IS NOT NULL AND later(b.bar_start, d.length) <= $now)
GROUP BY b.interval_id, b.bar_start;

-- name: trades_kept
-- The trades that are kept.
-- part: trades
-- reads: trade
(FROM trade)

-- name: bars_of_trades
-- Base bars from their trades, in the order of exchange time, sequence and id: 9 goes before 10, and numbers before other
-- texts. Sums are exact, as in derived bars. One that lacks a trade is not whole.
-- part: bars_of_trades(interval_id, interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap, is_whole)
-- takes: buckets: due_bars, trades: any
(WITH bars AS (
    SELECT u.interval_id, u.interval, u.symbol, t.bar_start,
           arg_min(t.price, (t.traded_at, t.sequence, t.number_, t.trade_id)) AS open, max(t.price) AS high, min(t.price) AS low,
           arg_max(t.price, (t.traded_at, t.sequence, t.number_, t.trade_id)) AS close, sum(t.size::DECIMAL(38, 9)) AS volume,
           count(t.price) AS trade_count, sum((t.price * t.size)::DECIMAL(38, 15)) AS turnover,
           bool_and(u.seen AND t.price IS NOT NULL) AS is_whole
    FROM (SELECT *, coalesce(CASE WHEN regexp_full_match(trade_id, '[0-9]+') THEN TRY_CAST(trade_id AS HUGEINT) END,
                             170141183460469231731687303715884105727) AS number_
          FROM {trades}) AS t
    JOIN {buckets} AS u ON u.interval_id = t.interval_id AND u.bar_start = t.bar_start
    WHERE NOT t.cancelled
    GROUP BY u.interval_id, u.interval, u.symbol, t.bar_start
 )
 SELECT interval_id, interval, symbol, bar_start, open, high, low, close, volume::DOUBLE AS volume, trade_count,
        vwap_of(turnover, volume, true, low, high) AS vwap, is_whole
 FROM bars
 WHERE open IS NOT NULL)

-- name: make_built_bars
-- The base bars that are due.
-- makes: built_bars(interval_id, interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap, is_whole)
CREATE OR REPLACE TEMP TABLE {built_bars} AS FROM {bars_of_trades};

-- name: make_bars_to_write
-- Of those built, the ones that tell more than what is stored: a whole one where it differs, one that is not only where
-- none is stored that is.
-- makes: bars_to_write(interval_id, interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap, is_whole)
-- takes: built_bars, stored_bars_of_trades
CREATE OR REPLACE TEMP TABLE {bars_to_write} AS
SELECT u.*
FROM {built_bars} AS u
LEFT JOIN {stored_bars_of_trades} AS b ON b.interval_id = u.interval_id AND b.bar_start = u.bar_start
WHERE b.interval_id IS NULL
   OR (u.is_whole AND NOT b.is_whole)
   OR (u.is_whole = b.is_whole AND (u.open, u.high, u.low, u.close, u.volume, u.trade_count, u.vwap)
                                   IS DISTINCT FROM (b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap));

-- name: make_doubted_bars
-- Of those built, the ones that are stored as whole by these trades, and are not known to be so any longer.
-- makes: bars_to_write(interval_id, interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap, is_whole)
-- takes: built_bars, stored_bars_of_trades
CREATE OR REPLACE TEMP TABLE {bars_to_write} AS
SELECT u.*
FROM {built_bars} AS u
JOIN {stored_bars_of_trades} AS b ON b.interval_id = u.interval_id AND b.bar_start = u.bar_start
WHERE b.is_whole AND NOT u.is_whole AND (u.open, u.high, u.low, u.close, u.volume, u.trade_count, u.vwap)
      IS NOT DISTINCT FROM (b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap);

-- name: make_late_bars
-- Bars that trades of a feed made whole, and that lack one which came too late to be kept.
-- makes: bars_to_write(interval_id, interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap, is_whole)
-- takes: judged_trades
-- reads: bar, batch, definition
CREATE OR REPLACE TEMP TABLE {bars_to_write} AS
SELECT b.interval_id, d.interval, d.symbol, b.bar_start, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap,
       false AS is_whole
FROM bar AS b
SEMI JOIN (SELECT interval_id, bar_start FROM {judged_trades} WHERE reason = 'older than the trades that are kept') AS j
       ON j.interval_id = b.interval_id AND j.bar_start = b.bar_start
JOIN batch AS t ON t.batch_id = b.batch_id
JOIN definition AS d ON d.interval_id = b.interval_id
WHERE t.source = $source
  AND b.base_count >= CASE WHEN b.session_date IS NOT NULL AND b.expected_count = 0 THEN 0 ELSE 1 END;

-- name: bars_written
-- Bars to be written, as a load takes them.
-- gives: interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap
-- takes: bars_to_write
SELECT interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap
FROM {bars_to_write}
ORDER BY interval, symbol, bar_start;

-- name: lacking
-- Those of them that are not whole.
-- part: lacking_bars(interval_id, bar_start)
-- takes: bars_to_write
(SELECT interval_id, bar_start FROM {bars_to_write} WHERE NOT is_whole)

-- name: emptied_bars
-- Base bars that are there and have no trade left, unless others brought them whole while trades were missed.
-- gives: symbol, interval, bar_start
-- takes: due_bars, built_bars, stored_bars_of_trades
SELECT u.symbol, u.interval, u.bar_start
FROM {due_bars} AS u
JOIN {stored_bars_of_trades} AS b ON b.interval_id = u.interval_id AND b.bar_start = u.bar_start
ANTI JOIN {built_bars} AS t ON t.interval_id = u.interval_id AND t.bar_start = u.bar_start
WHERE u.seen OR NOT b.is_whole
ORDER BY u.symbol, u.bar_start;

-- name: consume_due_bars
-- What was built waits no longer, unless it will be whole once its end is seen.
-- writes: trade_bucket
-- takes: due_bars
DELETE FROM trade_bucket AS b USING {due_bars} AS u
WHERE u.interval_id = b.interval_id AND u.bar_start = b.bar_start AND (u.seen OR NOT u.begun);

-- name: prune_trades
-- Trades of base bars that are final.
-- writes: trade
DELETE FROM trade WHERE coalesce(bar_start, seen_at) < $kept_from;

-- name: forming_buckets
-- The base bars of a symbol that have not been built yet.
-- part: due_bars(interval_id, bar_start, symbol, interval, seen, begun)
-- reads: definition, trade_bucket
(SELECT b.interval_id, b.bar_start, d.symbol, d.interval, false AS seen, false AS begun
 FROM trade_bucket AS b JOIN definition AS d USING (interval_id)
 WHERE d.symbol = $symbol)

-- name: forming_bars
-- The base bars of a symbol as the trades at hand make them.
-- gives: interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap
SELECT interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap
FROM {bars_of_trades}
ORDER BY bar_start;

-- name: buckets_of_symbol
-- The base bars of a symbol that have trades at hand.
-- part: waiting_buckets(interval_id, bar_start)
-- reads: definition, trade
(SELECT DISTINCT t.interval_id, t.bar_start FROM trade AS t JOIN definition AS d USING (interval_id)
 WHERE d.symbol = $symbol AND NOT t.cancelled)

-- name: make_held_bars
-- The base bars of a symbol that trades at hand make whole, or will: stored, or seen from their start as yet.
-- makes: held_bars(interval_id, bar_start)
-- takes: due_bars, built_bars, stored_bars_of_trades
CREATE OR REPLACE TEMP TABLE {held_bars} AS
SELECT u.interval_id, u.bar_start
FROM {due_bars} AS u
JOIN {built_bars} AS t ON t.interval_id = u.interval_id AND t.bar_start = u.bar_start
LEFT JOIN {stored_bars_of_trades} AS b ON b.interval_id = u.interval_id AND b.bar_start = u.bar_start
WHERE t.is_whole OR (u.begun AND b.interval_id IS NULL);

-- name: follow
-- Symbols whose trades are followed from an instant on, where they were not before.
-- writes: followed_symbol
-- reads: definition, followed_symbol
INSERT INTO followed_symbol (interval_id, followed_from)
SELECT interval_id, $since::TIMESTAMPTZ FROM definition
WHERE NOT derived AND symbol IN (SELECT unnest($symbols::VARCHAR[]))
  AND interval_id NOT IN (SELECT interval_id FROM followed_symbol);

-- name: follow_no_longer
-- All others are not.
-- writes: followed_symbol
-- reads: definition
DELETE FROM followed_symbol
WHERE interval_id NOT IN (SELECT interval_id FROM definition WHERE symbol IN (SELECT unnest($symbols::VARCHAR[])));
