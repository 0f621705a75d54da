-- What schema 0010 changes of the views and macros of 0009.

-- view: bars_filled
-- bars, and those that sessions have room for between the first and the last of their interval and that are not there:
-- filled, with the close before them as every price, and a volume of 0.
CREATE VIEW bars_filled AS
WITH edge AS MATERIALIZED (
    SELECT d.*, b.first_bar, b.last_bar
    FROM definition AS d
    JOIN (SELECT interval_id, min(bar_start) AS first_bar, max(bar_start) AS last_bar FROM bar
          WHERE session_date IS NOT NULL GROUP BY interval_id) AS b USING (interval_id)
),
slot AS (
    SELECT e.interval_id, later(t.segment_open, n.number * e.length) AS bar_start,
           least(later(t.segment_open, (n.number + 1) * e.length), t.segment_close) AS bar_end, t.session_date,
           slots(later(t.segment_open, n.number * e.length),
                 least(later(t.segment_open, (n.number + 1) * e.length), t.segment_close), e.base_length) AS expected_count,
           e.first_bar, e.last_bar
    FROM edge AS e
    JOIN trading_session AS t ON t.calendar = e.calendar AND t.replaced_by IS NULL
                             AND t.segment_close > e.first_bar AND t.segment_open < e.last_bar,
         unnest(range(slots(t.segment_open, t.segment_close, e.length))) AS n(number)
    WHERE e.unit = 'second'
    UNION ALL
    SELECT e.interval_id, c.block_open, c.block_close, c.first_date, c.expected_count, e.first_bar, e.last_bar
    FROM edge AS e
    JOIN calendar_block AS c ON c.calendar = e.calendar AND c.kind = e.kind
    WHERE e.unit <> 'second' AND c.block_open > e.first_bar AND c.block_open < e.last_bar
),
missing AS (
    SELECT s.* FROM slot AS s ANTI JOIN bar AS b USING (interval_id, bar_start)
    WHERE s.bar_start > s.first_bar AND s.bar_start < s.last_bar
)
SELECT *, false AS filled FROM bars
UNION ALL BY NAME
SELECT e.symbol, e.interval, m.bar_start, m.bar_end, m.session_date, b.close AS open, b.close AS high, b.close AS low,
       b.close, 0::DOUBLE AS volume, NULL::BIGINT AS trade_count, NULL::DOUBLE AS vwap, 0::INTEGER AS base_count,
       m.expected_count::INTEGER AS expected_count, false AS complete, NULL::BIGINT AS batch_id, true AS filled
FROM missing AS m
JOIN edge AS e USING (interval_id)
ASOF JOIN (SELECT interval_id, bar_start, close FROM bar WHERE session_date IS NOT NULL) AS b
       ON b.interval_id = m.interval_id AND m.bar_start > b.bar_start;
