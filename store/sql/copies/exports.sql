-- Handing bars out as files: what each file holds, and its rows.

-- name: partitions
-- What the store holds of each month (UTC) of each interval asked for, in the order of export. purged is the instant
-- that older bars were given up before.
-- gives: symbol, interval, month, row_count, batch_id, calendar
-- reads: bar, definition
WITH held AS (
    SELECT b.interval_id, date_trunc('month', make_timestamp(epoch_us(b.bar_start)))::DATE AS month,
           count(*) AS row_count, max(b.batch_id) AS batch_id
    FROM {bars} AS b
    GROUP BY ALL
)
SELECT d.symbol, d.interval, strftime(h.month, '%Y-%m') AS month, h.row_count, h.batch_id, d.calendar
FROM held AS h
JOIN definition AS d USING (interval_id)
WHERE ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol))
  AND ($intervals IS NULL OR list_contains($intervals::VARCHAR[], d.interval))
ORDER BY d.symbol, nominal_seconds(d.unit, d.length), d.unit, h.month;

-- name: retained_intervals
-- The intervals whose oldest bars were given up, and the instant they are kept from.
-- gives: symbol, interval, retained_from
-- reads: definition
SELECT symbol, interval, retained_from FROM definition WHERE retained_from IS NOT NULL;

-- name: partition_rows
-- The bars of the partitions asked for, one partition after the other, each from first_at to end_at. A month that a
-- partition's number belongs to is that of bar_start in UTC.
-- gives: *
-- takes: asked_partitions
-- reads: bars
SELECT a.part, v.* EXCLUDE (symbol, interval)
FROM bars AS v
JOIN {asked_partitions} AS a ON a.symbol = v.symbol AND a.interval = v.interval
               AND a.month = date_trunc('month', make_timestamp(epoch_us(v.bar_start)))::DATE
               AND v.bar_start >= a.first_at AND v.bar_start < a.end_at
WHERE v.bar_start >= $first::TIMESTAMPTZ AND v.bar_start < $last::TIMESTAMPTZ
ORDER BY a.part, v.bar_start;

-- name: bars_within
-- The bars of every interval in the range of its symbol's calendar.
-- part: bars(interval_id, bar_start, batch_id)
-- takes: calendar_spans
-- reads: bar, definition
(SELECT b.interval_id, b.bar_start, b.batch_id
 FROM bar AS b
 JOIN definition AS d USING (interval_id)
 JOIN {calendar_spans} AS s ON s.calendar = d.calendar AND b.bar_start >= s.start_at AND b.bar_start < s.end_at)
