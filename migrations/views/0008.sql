-- What schema 0008 changes of the views and macros of 0007.

-- view: action_step
-- What each ex-date does to what came before it: the factors of bars before it, and the instant from which on bars are
-- after it. Only ex-dates that bars have reached. A dividend counts by the last close before it: of the longest
-- interval of at most one session that has bars, else of the shortest. One that has none has no factor.
CREATE VIEW action_step AS
WITH known AS (
    SELECT s.symbol_id, s.symbol, s.calendar, a.ex_date,
           product(CASE a.kind WHEN 'split' THEN a.ratio WHEN 'stock_dividend' THEN 1 + a.ratio ELSE 1 END) AS ratio,
           sum(a.amount) AS amount
    FROM corporate_action AS a JOIN symbol AS s USING (symbol_id)
    GROUP BY s.symbol_id, s.symbol, s.calendar, a.ex_date
),
edge AS (
    SELECT symbol_id, interval_id, unit, length, retained_from, last_bar,
           unit = 'second' OR (unit = 'day' AND length = 1) AS is_short
    FROM interval_definition
    WHERE last_bar IS NOT NULL AND symbol_id IN (SELECT symbol_id FROM corporate_action)
),
reference AS (
    SELECT symbol_id, interval_id, is_short, retained_from FROM edge
    QUALIFY row_number() OVER (PARTITION BY symbol_id ORDER BY is_short DESC,
        nominal_seconds(unit, length) * CASE WHEN is_short THEN -1 ELSE 1 END) = 1
),
placed AS (
    SELECT k.*, least(greatest(timezone(coalesce(z.timezone, 'UTC'), k.ex_date::TIMESTAMP),
                               instant(epoch_us(b.session_close) + 1)), n.session_open) AS ex_at
    FROM known AS k
    ASOF LEFT JOIN calendar_session AS b ON b.calendar = k.calendar AND k.ex_date > b.session_date
    ASOF LEFT JOIN calendar_session AS n ON n.calendar = k.calendar AND k.ex_date <= n.session_date
    LEFT JOIN calendar_timezone AS z ON z.calendar = k.calendar
),
reached AS (
    SELECT p.*, r.interval_id AS reference_id, r.is_short, r.retained_from AS reference_from
    FROM placed AS p
    JOIN (SELECT symbol_id, max(last_bar) AS last_bar FROM edge GROUP BY symbol_id) AS e USING (symbol_id)
    JOIN reference AS r USING (symbol_id)
    WHERE p.ex_at <= e.last_bar
),
close_ AS (
    SELECT r.symbol_id, b.close,
           CASE WHEN r.is_short THEN effective_start(b.bar_start, b.expected_count)
                ELSE instant(epoch_us(b.bar_start) + b.span_seconds * 1000000 - 1) END AS key_
    FROM bar AS b JOIN reference AS r USING (interval_id)
    WHERE b.session_date IS NOT NULL
),
priced AS (
    SELECT p.*, CASE WHEN p.amount IS NULL THEN 1
                     WHEN c.close > 0 AND p.amount < c.close THEN 1 - p.amount / c.close END AS part
    FROM reached AS p
    ASOF LEFT JOIN close_ AS c ON c.symbol_id = p.symbol_id AND p.ex_at > c.key_ AND p.amount IS NOT NULL
)
SELECT symbol_id, symbol, reference_id, is_short, reference_from, ex_date, ex_at,
       list_reduce(list(ratio) OVER later_, lambda x, y: x * y) AS split_factor,
       list_reduce(list(part) OVER later_, lambda x, y: x * y) AS dividend_factor
FROM priced
WINDOW later_ AS (PARTITION BY symbol_id ORDER BY ex_at DESC, ex_date DESC ROWS UNBOUNDED PRECEDING);

-- view: adjustment_stretch
-- The stretches of time of each symbol with actions that have one set of factors. The first begins before every bar.
CREATE VIEW adjustment_stretch AS
WITH step AS MATERIALIZED (
    FROM action_step
)
SELECT symbol_id, symbol, reference_id, is_short, reference_from,
       lag(ex_date) OVER one_symbol AS session_date,
       coalesce(lag(ex_at) OVER one_symbol, beginning()) AS from_at, ex_at AS to_at, split_factor, dividend_factor
FROM step
WINDOW one_symbol AS (PARTITION BY symbol_id ORDER BY ex_at, ex_date)
UNION ALL
SELECT symbol_id, any_value(symbol), any_value(reference_id), any_value(is_short), any_value(reference_from),
       max_by(ex_date, (ex_at, ex_date)), max(ex_at), instant(253402214400000000), 1, 1
FROM step GROUP BY symbol_id;

-- view: adjustments
-- By which factors prices of each symbol with actions are adjusted: a row for each stretch of sessions with one set.
CREATE VIEW adjustments AS
SELECT symbol, session_date, split_factor, dividend_factor,
       dividend_factor / split_factor / first_value(dividend_factor / split_factor) OVER (PARTITION BY symbol ORDER BY to_at)
           AS total_return_factor
FROM adjustment_stretch;

-- view: bars_adjusted
-- bars with prices and volumes as of the shares of the newest bar: prices divided by split_factor and multiplied by
-- dividend_factor, volumes multiplied by split_factor. A bar of several sessions that holds an ex-date is made anew of
-- the adjusted bars of a shorter interval (ex_inside), and has the factors of its end.
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
    SELECT interval_id, piece, arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low,
           arg_max(close, bar_start) AS close, sum(volume::DECIMAL(38, 9)) AS volume,
           CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
           sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
           bool_and(volume = 0 OR vwap IS NOT NULL) AS vwap_known,
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
