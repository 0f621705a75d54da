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
