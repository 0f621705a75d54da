-- What schema 0011 changes of the views and macros of 0010.

-- view: bars_adjusted
-- bars with prices and volumes as of the shares of the newest bar: prices divided by split_factor and multiplied by
-- dividend_factor, volumes multiplied by split_factor. A bar of several sessions that holds an ex-date is made anew of
-- the adjusted bars of a shorter interval (ex_inside), and has the factors of its end; where one of those has no prices it
-- has none.
CREATE VIEW bars_adjusted AS
WITH stretch AS MATERIALIZED (
    FROM adjustment_stretch
),
placed AS (
    SELECT b.*, d.interval, d.symbol_id, s.symbol,
           CASE WHEN d.unit = 'second' THEN b.bar_start ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1)
                END AS key_
    FROM bar AS b
    JOIN interval_definition AS d USING (interval_id)
    JOIN symbol AS s USING (symbol_id)
),
factored AS (
    SELECT p.*, coalesce(f.split_factor, 1) AS split_factor,
           CASE WHEN f.symbol_id IS NULL THEN 1 ELSE f.dividend_factor END AS dividend_factor,
           coalesce(f.from_at > p.bar_start, false) AS ex_inside, f.reference_id, f.reference_from
    FROM placed AS p
    ASOF LEFT JOIN stretch AS f ON f.symbol_id = p.symbol_id AND p.key_ >= f.from_at
),
part_ AS (
    SELECT p.interval_id, p.bar_start AS piece, b.bar_start, b.open / f.split_factor * f.dividend_factor AS open,
           b.high / f.split_factor * f.dividend_factor AS high, b.low / f.split_factor * f.dividend_factor AS low,
           b.close / f.split_factor * f.dividend_factor AS close, b.volume * f.split_factor AS volume, b.trade_count,
           b.vwap / f.split_factor * f.dividend_factor AS vwap
    FROM (SELECT i.interval_id, i.symbol_id, i.bar_start, i.span_seconds, f.reference_id
          FROM placed AS i
          JOIN (SELECT DISTINCT symbol_id, from_at, reference_id, reference_from FROM stretch) AS f
            ON f.symbol_id = i.symbol_id AND i.bar_start < f.from_at AND i.key_ >= f.from_at
           AND i.bar_start >= coalesce(f.reference_from, beginning())
          GROUP BY ALL) AS p
    JOIN bar AS b ON b.interval_id = p.reference_id AND b.bar_start >= p.bar_start
                 AND b.bar_start < later(p.bar_start, p.span_seconds) AND b.session_date IS NOT NULL
    JOIN stretch AS f
      ON f.symbol_id = p.symbol_id
     AND CASE WHEN f.is_short THEN b.bar_start ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1) END
         >= f.from_at
     AND CASE WHEN f.is_short THEN b.bar_start ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1) END
         < f.to_at
),
made AS (
    SELECT interval_id, piece, count(close) = count(*) AS prices_known,
           CASE WHEN prices_known THEN arg_min(open, bar_start) END AS open,
           CASE WHEN prices_known THEN max(high) END AS high,
           CASE WHEN prices_known THEN min(low) END AS low,
           CASE WHEN prices_known THEN arg_max(close, bar_start) END AS close,
           sum(volume::DECIMAL(38, 9)) AS volume,
           CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
           sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
           bool_and(volume = 0 OR vwap IS NOT NULL) AND prices_known AS vwap_known,
           true AS found
    FROM part_ GROUP BY interval_id, piece
)
SELECT p.symbol, p.interval, p.bar_start, later(p.bar_start, p.span_seconds) AS bar_end, p.session_date,
       CASE WHEN m.found THEN m.open ELSE p.open / p.split_factor * p.dividend_factor END AS open,
       CASE WHEN m.found THEN m.high ELSE p.high / p.split_factor * p.dividend_factor END AS high,
       CASE WHEN m.found THEN m.low ELSE p.low / p.split_factor * p.dividend_factor END AS low,
       CASE WHEN m.found THEN m.close ELSE p.close / p.split_factor * p.dividend_factor END AS close,
       CASE WHEN m.found THEN m.volume::DOUBLE ELSE p.volume * p.split_factor END AS volume,
       CASE WHEN m.found THEN m.trade_count ELSE p.trade_count END AS trade_count,
       CASE WHEN m.found THEN vwap_of(m.turnover, m.volume, m.vwap_known, m.low, m.high)
            ELSE p.vwap / p.split_factor * p.dividend_factor END AS vwap,
       p.base_count, p.expected_count,
       CASE WHEN p.expected_count > 0 THEN p.base_count = p.expected_count END AS complete,
       p.batch_id, p.split_factor, p.dividend_factor, p.ex_inside
FROM factored AS p
LEFT JOIN made AS m ON m.interval_id = p.interval_id AND m.piece = p.bar_start AND p.ex_inside;
