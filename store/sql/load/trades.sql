-- Trades in files: from rows as given to trades with their base bars, and which of those have all of theirs.

-- name: make_trade_rows
-- The rows as given, parsed but not judged, with their place in the source, from 1.
-- makes: trade_rows(file_row, symbol_given, local, instant_given, trade_id, price, size, misread)
-- takes: rows: any
CREATE OR REPLACE TEMP TABLE {trade_rows} AS
SELECT row_number() OVER () AS file_row, symbol_given,
       CASE WHEN local BETWEEN TIMESTAMP '0001-01-02' AND TIMESTAMP '9999-12-30' THEN local END AS local,
       CASE WHEN instant_given BETWEEN beginning() AND make_timestamptz(253402214400000000) THEN instant_given END
           AS instant_given,
       trade_id, price, size, misread
FROM (SELECT {symbol} AS symbol_given, {local} AS local, {instant} AS instant_given, {trade_id} AS trade_id,
             {price} AS price, {size} AS size, {misread} AS misread
      FROM {rows});

-- name: all_trade_rows
-- They, as the rows of a source.
-- part: canonical_rows
-- takes: trade_rows
(FROM {trade_rows})

-- name: count_rows
-- How many rows a source has.
-- gives: row_count
-- takes: rows: any
SELECT count(*) AS row_count FROM {rows};

-- name: marked_rows
-- How many rows say something else in a column than those that count, and one of the things they say.
-- gives: row_count, one
-- takes: rows: any
SELECT count(*) AS row_count, min(trim({value}::VARCHAR)) AS one
FROM {rows} WHERE lower(trim({value}::VARCHAR)) NOT IN ({counting});

-- name: count_instruments
-- How many symbols have rows of several instruments, by a column that tells them apart.
-- gives: symbol_count
-- takes: rows: any
SELECT count(*) AS symbol_count
FROM (SELECT {symbol} AS symbol_given FROM {rows} GROUP BY symbol_given HAVING count(DISTINCT {instrument}) > 1);

-- name: make_weighed_trades
-- Each with when it was made, or with the reason why it is not taken.
-- makes: weighed_trades(file_row, interval_id, symbol, trade_id, traded_at, price, size, reason)
-- takes: symbol_map
-- reads: definition
CREATE OR REPLACE TEMP TABLE {weighed_trades} AS
WITH timed AS (
    SELECT r.*, m.interval_id, m.refusal, m.named_from, m.named_to, m.home, m.calendar, d.symbol, {stamp} AS traded_at, {ambiguous} AS ambiguous
    FROM {canonical_rows} AS r
    LEFT JOIN {symbol_map} AS m ON {symbol_match}
    LEFT JOIN definition AS d ON d.interval_id = m.interval_id
    {zoned}
)
SELECT file_row, CASE WHEN refusal IS NULL THEN interval_id END AS interval_id, symbol, trade_id,
       CASE WHEN NOT ambiguous AND misread IS DISTINCT FROM {a_date} THEN traded_at END AS traded_at, price, size,
       CASE WHEN refusal IS NOT NULL THEN refusal
            WHEN interval_id IS NULL THEN 'the symbol is missing'
            WHEN local IS NULL AND instant_given IS NULL THEN 'the stamp cannot be read'
            WHEN traded_at IS NULL THEN 'no such local time: the clock skips it'
            WHEN ambiguous THEN 'ambiguous local time: the clock shows it twice; the option ambiguous says which is meant'
            WHEN misread IS NOT NULL THEN misread
            WHEN price IS NULL THEN 'price is missing'
            WHEN size IS NULL THEN 'size is missing'
            WHEN NOT (isfinite(price) AND isfinite(size)) THEN 'the price or the size is not finite'
            WHEN size < 0 THEN 'size is negative'
            WHEN {has_ids} AND trade_id IS NULL THEN 'trade_id is missing'
       END AS reason
FROM {timed_rows};

-- name: trades_by_name
-- Of a trade whose name means several symbols over time that of its session, or outside of all that of the date on the
-- calendar's clock; where these tell of none or of two the later one.
-- part: timed
-- reads: calendar_segment
(SELECT t.* FROM timed AS t
 ASOF LEFT JOIN (SELECT calendar, session_date, segment_open, segment_close FROM calendar_segment) AS s
   ON s.calendar = t.calendar AND t.traded_at >= s.segment_open
 QUALIFY row_number() OVER (
     PARTITION BY t.file_row
     ORDER BY coalesce(CASE WHEN t.traded_at < s.segment_close THEN s.session_date
                            ELSE timezone(t.home, t.traded_at)::DATE END >= t.named_from, true)
              AND coalesce(CASE WHEN t.traded_at < s.segment_close THEN s.session_date
                                ELSE timezone(t.home, t.traded_at)::DATE END < t.named_to, true) DESC,
              t.named_from DESC NULLS LAST) = 1)

-- name: make_given_trades
-- Those that have an instant, as a feed would deliver them. Without ids they are numbered in the order of the file, from
-- its end where it runs backwards. One that is not taken for its values comes without any: its bar lacks it.
-- makes: given_trades(given_row, symbol, trade_id, traded_at, sequence, revision, price, size, cancelled)
-- takes: weighed_trades
CREATE OR REPLACE TEMP TABLE {given_trades} AS
WITH direction AS (
    SELECT interval_id, arg_min(traded_at, file_row) > arg_max(traded_at, file_row) AS backwards
    FROM {weighed_trades} WHERE reason IS NULL GROUP BY interval_id
)
SELECT t.file_row AS given_row, t.symbol,
       CASE WHEN t.reason IS NOT NULL THEN 'row ' || t.file_row
            ELSE coalesce(t.trade_id, (CASE WHEN d.backwards THEN {row_count} - t.file_row ELSE t.file_row END)::VARCHAR)
       END AS trade_id,
       t.traded_at, 0 AS sequence, 0 AS revision, CASE WHEN t.reason IS NULL THEN t.price END AS price,
       CASE WHEN t.reason IS NULL THEN t.size END AS size, false AS cancelled
FROM {weighed_trades} AS t LEFT JOIN direction AS d USING (interval_id)
WHERE t.interval_id IS NOT NULL AND t.traded_at IS NOT NULL;

-- name: make_rejected_trades
-- Every row left out, with its reason.
-- makes: rejected_rows(file_row, reason)
-- takes: weighed_trades, judged_trades
CREATE OR REPLACE TEMP TABLE {rejected_rows} AS
SELECT file_row, reason FROM {weighed_trades} WHERE reason IS NOT NULL
UNION ALL
SELECT given_row, reason FROM {judged_trades}
WHERE reason IS NOT NULL AND given_row NOT IN (SELECT file_row FROM {weighed_trades} WHERE reason IS NOT NULL);

-- name: contradicting_ids
-- How many ids several trades have that differ, and one of them.
-- gives: id_count, one
-- takes: judged_trades
SELECT count(*) AS id_count, min(trade_id) AS one
FROM (SELECT trade_id FROM {judged_trades} WHERE reason IS NULL GROUP BY interval_id, trade_id
      HAVING count(*) > 1 AND (min(traded_at) < max(traded_at) OR min(price) < max(price) OR min(size) < max(size)));

-- name: make_file_spans
-- From when to when each file has trades of each symbol, and how far behind the latest one was at the most, in the order
-- of the file or against it. A trade that comes again is there where it came first.
-- makes: file_spans(interval_id, file_number, first_at, last_at, lateness_us)
-- takes: judged_trades, file_rows
CREATE OR REPLACE TEMP TABLE {file_spans} AS
WITH placed AS (
    SELECT t.interval_id, f.file_number, min(t.given_row) AS given_row, any_value(t.traded_at) AS traded_at
    FROM {judged_trades} AS t ASOF JOIN {file_rows} AS f ON t.given_row >= f.first_row
    WHERE t.interval_id IS NOT NULL AND t.reason IS DISTINCT FROM 'more than a day ahead of the clock'
    GROUP BY t.interval_id, f.file_number, t.trade_id
),
passed AS (
    SELECT *, max(traded_at) OVER (PARTITION BY interval_id, file_number ORDER BY given_row) AS latest,
           min(traded_at) OVER (PARTITION BY interval_id, file_number ORDER BY given_row) AS earliest
    FROM placed
)
SELECT interval_id, file_number, min(traded_at) AS first_at, max(traded_at) AS last_at,
       least(max(epoch_us(latest) - epoch_us(traded_at)), max(epoch_us(traded_at) - epoch_us(earliest))) AS lateness_us
FROM passed GROUP BY interval_id, file_number;

-- name: overlapping_files
-- How many files have trades of a symbol from the same time as another.
-- gives: file_count
-- takes: file_spans
SELECT count(DISTINCT a.file_number) AS file_count
FROM {file_spans} AS a JOIN {file_spans} AS b USING (interval_id)
WHERE a.file_number <> b.file_number AND a.first_at <= b.last_at AND b.first_at <= a.last_at;

-- name: make_bars_due
-- The base bars that have trades. seen: a file has trades from before its start to after its end, by more than they come
-- late there, and no row was left out that may belong to it; or the files are said to be whole.
-- makes: due_bars(interval_id, bar_start, symbol, interval, seen, begun)
-- takes: new_trades, file_spans, weighed_trades
-- reads: calendar_segment, definition
CREATE OR REPLACE TEMP TABLE {due_bars} AS
WITH bars AS (
    SELECT b.interval_id, b.bar_start, d.symbol, d.interval,
           CASE WHEN b.bar_start < s.segment_close THEN least(later(b.bar_start, d.length), s.segment_close)
                ELSE later(b.bar_start, d.length) END AS bar_end
    FROM (SELECT DISTINCT interval_id, bar_start FROM {new_trades}) AS b
    JOIN definition AS d USING (interval_id)
    ASOF LEFT JOIN calendar_segment AS s ON s.calendar = d.calendar AND b.bar_start >= s.segment_open
),
lost AS (
    SELECT DISTINCT interval_id FROM {weighed_trades} WHERE traded_at IS NULL AND interval_id IS NOT NULL
),
nobody AS (
    SELECT {any_lost} OR count(*) > 0 AS lost FROM {weighed_trades} WHERE reason = 'the symbol is missing'
)
SELECT b.interval_id, b.bar_start, b.symbol, b.interval,
       NOT (SELECT lost FROM nobody) AND b.interval_id NOT IN (SELECT interval_id FROM lost)
           AND ({whole} OR coalesce(bool_or(epoch_us(s.first_at) + s.lateness_us < epoch_us(b.bar_start)
                                            AND epoch_us(s.last_at) - s.lateness_us >= epoch_us(b.bar_end)), false)) AS seen,
       false AS begun
FROM bars AS b
LEFT JOIN {file_spans} AS s USING (interval_id)
GROUP BY b.interval_id, b.bar_start, b.symbol, b.interval;

-- name: trades_given
-- The trades that bars are built from.
-- part: trades
-- takes: new_trades
(FROM {new_trades})

-- name: bars_built
-- The bars, as a load takes them.
-- gives: symbol, bar_start, open, high, low, close, volume, trade_count, vwap
-- takes: built_bars
SELECT symbol, bar_start, open, high, low, close, volume, trade_count, vwap FROM {built_bars} ORDER BY symbol, bar_start;

-- name: bars_lacking
-- Those that are not known to have all of their trades.
-- part: lacking_bars(interval_id, bar_start)
-- takes: built_bars
(SELECT interval_id, bar_start FROM {built_bars} WHERE NOT is_whole)

-- name: count_lacking
-- How many that are.
-- gives: lacking_count
-- takes: built_bars
SELECT count(*) FILTER (WHERE NOT is_whole) AS lacking_count FROM {built_bars};
