-- Trades: kept for a while, so that base bars built from them are the same in whatever order they come.

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
--    cancelled, reason)
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
)
SELECT given_row, interval_id, trade_id, bar_start, traded_at, sequence, revision, price, size, cancelled,
       CASE WHEN interval_id IS NULL THEN 'symbol ' || symbol || ' is not registered'
            WHEN unit <> 'second' THEN symbol || ' has a base of 1d or longer, into which no trades are built'
            WHEN traded_at > $latest THEN 'more than a day ahead of the clock'
            WHEN bar_start < $kept_from THEN 'older than the trades that are kept'
            WHEN cancelled THEN NULL
            WHEN abs(price) * size >= $turnover_limit OR size >= $volume_limit THEN 'price times size is too large'
            WHEN size < 1e-6 AND abs(TRY_CAST(size AS DECIMAL(38, 9))::DOUBLE - size) > size / 1000
            THEN 'size is too small to be summed exactly'
            WHEN NOT is_inside AND later(bar_start, length) > next_open
                 THEN 'between sessions, too near the open for a whole bar'
            WHEN bar_start IS NULL OR traded_at::DATE > known_through
                 THEN 'beyond what calendar ' || calendar || ' is known for'
       END AS reason
FROM found;

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
    SELECT * FROM {judged_trades} WHERE reason IS NULL
),
latest AS (
    SELECT interval_id, trade_id,
           arg_max(given_row, (cancelled, revision, coalesce(traded_at, beginning()), sequence, coalesce(price, 0),
                               coalesce(size, 0))) AS given_row
    FROM taken
    GROUP BY interval_id, trade_id
)
SELECT t.* EXCLUDE (given_row, reason) FROM taken AS t SEMI JOIN latest AS l USING (given_row);

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
       AND (f.cancelled OR (f.revision, f.traded_at, f.sequence, f.price, f.size)
                             > (t.revision, t.traded_at, t.sequence, t.price, t.size)));

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

-- name: make_due_bars
-- The base bars to build: their trades changed, and they have ended.
-- makes: due_bars(interval_id, bar_start, symbol, interval)
-- reads: definition, trade_bucket
CREATE OR REPLACE TEMP TABLE {due_bars} AS
SELECT b.interval_id, b.bar_start, d.symbol, d.interval
FROM trade_bucket AS b
JOIN definition AS d USING (interval_id)
WHERE later(b.bar_start, d.length) <= $through;

-- name: built_bars
-- Base bars from their trades, in the order of exchange time, sequence and id: 9 goes before 10, and numbers before other
-- texts. Sums are exact, as in derived bars.
-- gives: interval, symbol, bar_start, open, high, low, close, volume, trade_count, vwap
-- takes: buckets: due_bars
-- reads: trade
WITH bars AS (
    SELECT u.interval, u.symbol, t.bar_start,
           arg_min(t.price, (t.traded_at, t.sequence, t.number_, t.trade_id)) AS open, max(t.price) AS high, min(t.price) AS low,
           arg_max(t.price, (t.traded_at, t.sequence, t.number_, t.trade_id)) AS close, sum(t.size::DECIMAL(38, 9)) AS volume,
           count(*) AS trade_count, sum((t.price * t.size)::DECIMAL(38, 15)) AS turnover
    FROM (SELECT *, coalesce(CASE WHEN regexp_full_match(trade_id, '[0-9]+') THEN TRY_CAST(trade_id AS HUGEINT) END,
                             170141183460469231731687303715884105727) AS number_
          FROM trade) AS t
    JOIN {buckets} AS u ON u.interval_id = t.interval_id AND u.bar_start = t.bar_start
    WHERE NOT t.cancelled
    GROUP BY u.interval, u.symbol, t.bar_start
)
SELECT interval, symbol, bar_start, open, high, low, close, volume::DOUBLE AS volume, trade_count,
       vwap_of(turnover, volume, true, low, high) AS vwap
FROM bars
ORDER BY interval, symbol, bar_start;

-- name: emptied_bars
-- Base bars that are there and have no trade left.
-- gives: symbol, interval, bar_start
-- takes: due_bars
-- reads: bar, trade
SELECT u.symbol, u.interval, u.bar_start
FROM {due_bars} AS u
SEMI JOIN bar AS b ON b.interval_id = u.interval_id AND b.bar_start = u.bar_start
ANTI JOIN (SELECT interval_id, bar_start FROM trade WHERE NOT cancelled) AS t
       ON t.interval_id = u.interval_id AND t.bar_start = u.bar_start
ORDER BY u.symbol, u.bar_start;

-- name: consume_due_bars
-- What was built waits no longer.
-- writes: trade_bucket
-- takes: due_bars
DELETE FROM trade_bucket AS b USING {due_bars} AS u WHERE u.interval_id = b.interval_id AND u.bar_start = b.bar_start;

-- name: prune_trades
-- Trades of base bars that are final.
-- writes: trade
DELETE FROM trade WHERE coalesce(bar_start, seen_at) < $kept_from;

-- name: forming_bars
-- The base bars of a symbol that have not been built yet.
-- part: due_bars(interval_id, bar_start, symbol, interval)
-- reads: definition, trade_bucket
(SELECT b.interval_id, b.bar_start, d.symbol, d.interval FROM trade_bucket AS b JOIN definition AS d USING (interval_id)
 WHERE d.symbol = $symbol)

-- name: bars_with_trades
-- The base bars of a symbol that are built from trades at hand.
-- gives: bar_start
-- reads: definition, trade
SELECT DISTINCT t.bar_start FROM trade AS t JOIN definition AS d USING (interval_id)
WHERE d.symbol = $symbol AND NOT t.cancelled;
