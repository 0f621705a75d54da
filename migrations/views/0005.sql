-- What schema 0005 changes of the views and macros of 0004.

-- view: batches
-- Every committed write.
CREATE VIEW batches AS
SELECT batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted, vendor
FROM batch;

-- view: vendors
-- Whose bars were loaded, with the priority that decides between those that contradict each other.
CREATE VIEW vendors AS
SELECT v.vendor, v.priority, count(b.batch_id) AS batch_count, max(b.committed_at) AS last_loaded_at
FROM vendor AS v
LEFT JOIN batch AS b USING (vendor)
GROUP BY v.vendor, v.priority;

-- view: conflicts
-- Every bar of which a vendor said otherwise than the one of higher priority whose values are kept: the last it offered.
CREATE VIEW conflicts AS
SELECT symbol, interval, bar_start, session_date, kept_vendor, offered_vendor,
       kept_open, offered_open, kept_high, offered_high, kept_low, offered_low, kept_close, offered_close,
       kept_volume, offered_volume, kept_trade_count, offered_trade_count, kept_vwap, offered_vwap,
       kept_batch_id, offered_batch_id
FROM (
    SELECT s.symbol, d.interval, b.bar_start, b.session_date,
           CASE WHEN v.interval_id IS NULL THEN kept.vendor ELSE v.vendor END AS kept_vendor,
           offering.vendor AS offered_vendor,
           b.open AS kept_open, o.open AS offered_open, b.high AS kept_high, o.high AS offered_high,
           b.low AS kept_low, o.low AS offered_low, b.close AS kept_close, o.close AS offered_close,
           b.volume AS kept_volume, o.volume AS offered_volume,
           b.trade_count AS kept_trade_count, o.trade_count AS offered_trade_count,
           b.vwap AS kept_vwap, o.vwap AS offered_vwap, b.batch_id AS kept_batch_id, o.batch_id AS offered_batch_id
    FROM offered_bar AS o
    JOIN bar AS b USING (interval_id, bar_start)
    JOIN interval_definition AS d USING (interval_id)
    JOIN symbol AS s USING (symbol_id)
    JOIN batch AS kept ON kept.batch_id = b.batch_id
    JOIN batch AS offering ON offering.batch_id = o.batch_id
    LEFT JOIN bar_vendor AS v
           ON v.interval_id = b.interval_id AND v.bar_start = b.bar_start AND v.batch_id = b.batch_id
    WHERE (b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap)
          IS DISTINCT FROM (o.open, o.high, o.low, o.close, o.volume, o.trade_count, o.vwap)
) AS c
LEFT JOIN vendor AS kept ON kept.vendor = c.kept_vendor
LEFT JOIN vendor AS offering ON offering.vendor = c.offered_vendor
WHERE coalesce(kept.priority, 0) > coalesce(offering.priority, 0);

-- macro: effective_start
-- Where a base bar of a session counts in time: a closing bar (nothing is expected of it) just before the close it
-- starts at.
CREATE MACRO effective_start(start_, expected_) AS
    CASE WHEN expected_ = 0 THEN make_timestamptz(epoch_us(start_) - 1) ELSE start_ END;

-- view: bars_live
-- bars, and the derived bars still forming, computed from the base bars at the moment of asking.
CREATE VIEW bars_live AS
WITH waiting AS (
    SELECT d.symbol, d.interval, d.calendar, d.kind, d.unit, d.length, d.base_length,
           b.bar_start, b.session_date, b.segment, b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap,
           b.base_count
    FROM definition AS d
    JOIN bar AS b ON b.interval_id = d.base_id
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
           any_value(room) AS room, any_value(base_length) AS base_length
    FROM placed
    GROUP BY symbol, interval, bucket_start
)
SELECT *, false AS forming FROM bars
UNION ALL BY NAME
SELECT symbol, interval, bucket_start AS bar_start, bucket_end AS bar_end, session_date, open, high, low, close,
       volume::DOUBLE AS volume, trade_count, vwap_of(turnover, volume, vwap_known, low, high) AS vwap, base_count,
       coalesce(room, slots(bucket_start, bucket_end, base_length))::INTEGER AS expected_count,
       base_count = coalesce(room, slots(bucket_start, bucket_end, base_length)) AS complete,
       NULL AS batch_id, true AS forming
FROM formed;
