-- Derived bars that differ from what their base bars come to, in words.

-- name: underived
-- Derived bars below derived_through equal the recomputation, bit for bit; none is missing, none too many. Buckets
-- that an invalidation waits for are left out: they will be derived again; and so are final bars, whose base is gone.
-- gives: interval_id, at, stored, expected
-- takes: found_wrong
SELECT f.interval_id, f.at,
       CASE WHEN NOT stored_there THEN 'no bar' ELSE
           (stored_open, stored_high, stored_low, stored_close, stored_volume, stored_trade_count, stored_vwap,
            stored_base_count, stored_expected_count, stored_span_seconds, stored_date, stored_segment)::VARCHAR END AS stored,
       CASE WHEN NOT right_there THEN 'no bar' ELSE
           (right_open, right_high, right_low, right_close, right_volume, right_trade_count, right_vwap,
            right_base_count, right_expected_count, right_span_seconds, right_date, right_segment)::VARCHAR END AS expected
FROM {found_wrong} AS f;
