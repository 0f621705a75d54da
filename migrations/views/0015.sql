-- What schema 0015 changes of the views and macros of 0014.

-- view: bars
-- Every bar the store holds now, base and derived.
CREATE VIEW bars AS
SELECT s.symbol, d.interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, b.session_date,
       b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count,
       CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete,
       b.batch_id /*declared*/
FROM bar AS b
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id) /*values of b*/;

-- view: bars_live
-- bars, and the derived bars still forming, computed from the base bars at the moment of asking.
CREATE VIEW bars_live AS
WITH waiting AS (
    SELECT d.symbol, d.interval, d.calendar, d.kind, d.unit, d.length, d.base_length,
           b.bar_start, b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap,
           b.base_count /*list*/
    FROM definition AS d
    JOIN bar AS b ON b.interval_id = d.base_id /*values of b*/
    WHERE d.derived AND b.session_date IS NOT NULL
      AND effective_start(b.bar_start, b.expected_count) >= coalesce(d.derived_through, beginning())
),
placed AS (
    SELECT w.*, t.session_date AS bucket_date, t.segment_close AS limit_,
           later(t.segment_open, least((epoch_us(w.bar_start) - epoch_us(t.segment_open)) // (w.length::BIGINT * 1000000),
                                       slots(t.segment_open, t.segment_close, w.length) - 1) * w.length) AS bucket_start,
           NULL AS room
    FROM waiting AS w
    JOIN trading_session AS t ON t.calendar = w.calendar AND t.session_date = w.session_date
                             AND t.segment = w.segment AND t.replaced_by IS NULL
    WHERE w.unit = 'second'
    UNION ALL
    SELECT w.*, b.first_date, b.block_close, b.block_open, b.expected_count
    FROM waiting AS w
    JOIN calendar_block AS b ON b.calendar = w.calendar AND b.kind = w.kind
                            AND w.session_date BETWEEN b.first_date AND b.last_date
    WHERE w.unit <> 'second'
),
formed AS (
    SELECT symbol, interval, bucket_start,
           any_value(CASE WHEN unit = 'second' THEN least(later(bucket_start, length), limit_) ELSE limit_ END) AS bucket_end,
           any_value(bucket_date) AS session_date,
           arg_min(open, bar_start) AS open, max(high) AS high, min(low) AS low, arg_max(close, bar_start) AS close,
           sum(volume::DECIMAL(38, 9)) AS volume,
           CASE WHEN count(trade_count) = count(*) THEN sum(trade_count)::BIGINT END AS trade_count,
           sum(CASE WHEN volume > 0 THEN (vwap * volume)::DECIMAL(38, 15) END) AS turnover,
           bool_and(volume = 0 OR vwap IS NOT NULL) AS vwap_known,
           sum(base_count)::INTEGER AS base_count,
           any_value(room) AS room, any_value(base_length) AS base_length /*formed*/
    FROM placed
    GROUP BY symbol, interval, bucket_start
)
SELECT *, false AS forming FROM bars
UNION ALL BY NAME
SELECT symbol, interval, bucket_start AS bar_start, bucket_end AS bar_end, session_date, open, high, low, close,
       volume::DOUBLE AS volume, trade_count, vwap_of(turnover, volume, vwap_known, low, high) AS vwap, base_count,
       coalesce(room, slots(bucket_start, bucket_end, base_length))::INTEGER AS expected_count,
       base_count = coalesce(room, slots(bucket_start, bucket_end, base_length)) AS complete,
       NULL AS batch_id, true AS forming /*named*/
FROM formed;

-- view: revisions
-- The values that were overwritten or deleted, when they were written, and when and by what they went.
CREATE VIEW revisions AS
SELECT s.symbol, d.interval, r.bar_start, later(r.bar_start, r.span_seconds) AS bar_end, r.session_date,
       r.open, r.high, r.low, r.close, r.volume, r.trade_count, r.vwap, r.base_count, r.expected_count,
       r.batch_id, written.committed_at AS written_at,
       r.replaced_by, replacing.committed_at AS replaced_at, replacing.kind AS replaced_kind /*declared*/
FROM bar_revision AS r
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id)
JOIN batch AS written ON written.batch_id = r.batch_id
JOIN batch AS replacing ON replacing.batch_id = r.replaced_by /*values of r*/;

-- view: declared_columns
-- The columns that bars have beyond the usual ones: a row for each symbol that has one, or one row for all symbols.
CREATE VIEW declared_columns AS
SELECT c.name, c.aggregate, s.symbol, c.declared_at
FROM declared_column AS c
LEFT JOIN column_symbol AS o USING (number)
LEFT JOIN symbol AS s USING (symbol_id)
WHERE c.of_all OR (s.symbol_id IS NOT NULL AND s.removed_at IS NULL);

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
       p.batch_id /*declared*/, p.split_factor, p.dividend_factor, p.ex_inside
FROM factored AS p
LEFT JOIN made AS m ON m.interval_id = p.interval_id AND m.piece = p.bar_start AND p.ex_inside /*values of p*/;

-- macro: bars_as_of
-- bars as the store knew them at an instant of its own clock: a TIMESTAMPTZ, or text with its zone; an error for an
-- instant before history is kept.
CREATE MACRO bars_as_of(moment_) AS TABLE
WITH asked AS (
    SELECT zoned(moment_) AS instant_
),
known AS (
    SELECT CASE WHEN a.instant_ < h.kept_from
                THEN error('history is kept from ' || h.kept_from || ' on; ask for that instant or a later one')
                ELSE (SELECT coalesce(max(batch_id), 0) FROM batch WHERE committed_at <= a.instant_) END AS batch_id
    FROM revision_retention AS h, asked AS a
),
then_ AS (
    SELECT b.* FROM bar AS b, known WHERE b.batch_id <= known.batch_id
    UNION ALL BY NAME
    SELECT r.* EXCLUDE (replaced_by) FROM bar_revision AS r, known
    WHERE r.batch_id <= known.batch_id AND r.replaced_by > known.batch_id
)
SELECT s.symbol, d.interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, b.session_date,
       b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count,
       CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete,
       b.batch_id /*declared*/
FROM then_ AS b
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id) /*values of b*/;
