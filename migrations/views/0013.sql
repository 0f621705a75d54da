-- What schema 0013 adds to the views and macros of 0012.

-- view: rolls
-- From which session on each contract of a continuous future is the one that counts.
CREATE VIEW rolls AS
SELECT f.symbol, s.symbol AS contract, r.session_date, r.decided_on, r.difference, r.ratio, r.batch_id
FROM roll AS r
JOIN continuous_future AS f USING (future_id)
JOIN symbol AS s USING (symbol_id)
WHERE f.removed_at IS NULL;

-- view: roll_revisions
-- Rolls as they were before they were moved, got other closes, or went.
CREATE VIEW roll_revisions AS
SELECT f.symbol, s.symbol AS contract, r.session_date, r.decided_on, r.difference, r.ratio, r.batch_id, r.replaced_by,
       t.committed_at AS replaced_at
FROM roll_revision AS r
JOIN continuous_future AS f USING (future_id)
JOIN symbol AS s USING (symbol_id)
JOIN batch AS t ON t.batch_id = r.replaced_by;

-- view: contract_stretch
-- From which session on, and up to which, each contract counts, and what brings its prices to those of the newest: the
-- product of the ratios, or the sum of the differences, of all later rolls. Null where one of them is not known.
CREATE VIEW contract_stretch AS
WITH following AS (
    SELECT f.future_id, f.symbol, f.adjustment, r.symbol_id,
           coalesce(r.session_date, DATE '0001-01-01') AS from_date,
           coalesce(lead(r.session_date) OVER one_future, DATE '9999-12-31') AS to_date,
           lead(r.symbol_id) OVER one_future AS next_id,
           lead(r.difference) OVER one_future AS difference, lead(r.ratio) OVER one_future AS ratio
    FROM roll AS r JOIN continuous_future AS f USING (future_id)
    WHERE f.removed_at IS NULL
    WINDOW one_future AS (PARTITION BY r.future_id ORDER BY r.session_date NULLS FIRST)
)
SELECT c.future_id, c.symbol, c.symbol_id, c.from_date, c.to_date, n.session_open AS from_at, e.session_open AS to_at,
       CASE WHEN c.adjustment = 'ratio'
            THEN list_reduce(list(CASE WHEN c.next_id IS NULL THEN 1 ELSE c.ratio END) OVER later_, lambda x, y: x * y)
            ELSE 1 END AS price_factor,
       CASE WHEN c.adjustment = 'difference'
            THEN list_reduce(list(CASE WHEN c.next_id IS NULL THEN 0 ELSE c.difference END) OVER later_, lambda x, y: x + y)
            ELSE 0 END AS price_shift
FROM following AS c
JOIN symbol AS s USING (symbol_id)
LEFT JOIN calendar_session AS n ON n.calendar = s.calendar AND n.session_date = c.from_date
LEFT JOIN calendar_session AS e ON e.calendar = s.calendar AND e.session_date = c.to_date
WINDOW later_ AS (PARTITION BY c.future_id ORDER BY c.from_date DESC ROWS UNBOUNDED PRECEDING);

-- view: bars_continuous
-- The bars in sessions of the contract that counts at the time, with prices brought to those of the newest contract as the
-- future says. A bar of several sessions inside of which a roll lies is made of the bars of both contracts (roll_inside).
CREATE VIEW bars_continuous AS
WITH stretch AS MATERIALIZED (
    FROM contract_stretch
),
held AS (
    SELECT c.*, s.symbol AS contract, d.interval_id, d.interval, d.unit, d.length,
           d.unit = 'second' OR (d.unit = 'day' AND d.length = 1) AS is_short
    FROM stretch AS c
    JOIN interval_definition AS d USING (symbol_id)
    JOIN symbol AS s USING (symbol_id)
),
reference AS (
    SELECT h.future_id, h.symbol_id, arg_max(h.interval_id, nominal_seconds(h.unit, h.length)) AS reference_id
    FROM held AS h JOIN interval_definition AS d USING (interval_id)
    WHERE h.is_short AND d.last_bar IS NOT NULL
    GROUP BY h.future_id, h.symbol_id
),
short_ AS (
    SELECT h.*, b.* EXCLUDE (interval_id), false AS roll_inside
    FROM held AS h JOIN bar AS b USING (interval_id)
    WHERE h.is_short AND b.session_date >= h.from_date AND b.session_date < h.to_date
),
block_ AS (
    SELECT h.*, b.* EXCLUDE (interval_id),
           coalesce(h.from_at > b.bar_start, false) OR coalesce(h.to_at < later(b.bar_start, b.span_seconds), false)
               AS roll_inside
    FROM held AS h JOIN bar AS b USING (interval_id)
    WHERE NOT h.is_short AND b.session_date < h.to_date
      AND (h.from_at IS NULL OR later(b.bar_start, b.span_seconds) > h.from_at)
    QUALIFY row_number() OVER (PARTITION BY h.future_id, h.interval, b.bar_start ORDER BY h.from_date DESC) = 1
),
part_ AS (
    SELECT k.future_id, k.interval, k.bar_start AS piece, b.bar_start, b.open * c.price_factor + c.price_shift AS open,
           b.high * c.price_factor + c.price_shift AS high, b.low * c.price_factor + c.price_shift AS low,
           b.close * c.price_factor + c.price_shift AS close, b.volume, b.trade_count,
           b.vwap * c.price_factor + c.price_shift AS vwap, b.base_count
    FROM block_ AS k
    JOIN stretch AS c ON c.future_id = k.future_id
    JOIN reference AS r ON r.future_id = c.future_id AND r.symbol_id = c.symbol_id
    JOIN bar AS b ON b.interval_id = r.reference_id AND b.bar_start >= k.bar_start
                 AND b.bar_start < later(k.bar_start, k.span_seconds)
                 AND b.session_date >= c.from_date AND b.session_date < c.to_date
    WHERE k.roll_inside
),
made AS (
    SELECT future_id, interval, piece, CASE WHEN known THEN open END AS open, CASE WHEN known THEN high END AS high,
           CASE WHEN known THEN low END AS low, CASE WHEN known THEN close END AS close, volume, trade_count,
           CASE WHEN known THEN vwap_of(turnover, volume, vwap_known, low, high) END AS vwap, base_count
    FROM (
        SELECT future_id, interval, piece, arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low,
               arg_max(close, bar_start) AS close, sum(volume::DECIMAL(38, 9)) AS volume,
               CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
               sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
               bool_and(volume = 0 OR vwap IS NOT NULL) AS vwap_known, bool_and(open IS NOT NULL) AS known,
               sum(base_count)::INTEGER AS base_count
        FROM part_ GROUP BY future_id, interval, piece
    )
)
SELECT p.symbol, p.interval, p.bar_start, later(p.bar_start, p.span_seconds) AS bar_end, p.session_date,
       CASE WHEN p.roll_inside THEN m.open ELSE p.open * p.price_factor + p.price_shift END AS open,
       CASE WHEN p.roll_inside THEN m.high ELSE p.high * p.price_factor + p.price_shift END AS high,
       CASE WHEN p.roll_inside THEN m.low ELSE p.low * p.price_factor + p.price_shift END AS low,
       CASE WHEN p.roll_inside THEN m.close ELSE p.close * p.price_factor + p.price_shift END AS close,
       CASE WHEN p.roll_inside THEN m.volume::DOUBLE ELSE p.volume END AS volume,
       CASE WHEN p.roll_inside THEN m.trade_count ELSE p.trade_count END AS trade_count,
       CASE WHEN p.roll_inside THEN m.vwap ELSE p.vwap * p.price_factor + p.price_shift END AS vwap,
       CASE WHEN p.roll_inside THEN m.base_count ELSE p.base_count END AS base_count, p.expected_count,
       CASE WHEN p.roll_inside THEN m.base_count ELSE p.base_count END = p.expected_count AS complete,
       p.batch_id, p.contract, p.price_factor, p.price_shift, p.roll_inside
FROM (FROM short_ UNION ALL BY NAME FROM block_) AS p
LEFT JOIN made AS m ON p.roll_inside AND m.future_id = p.future_id AND m.interval = p.interval AND m.piece = p.bar_start;
