-- What schema 0006 changes of the views and macros of 0005.

-- view: intervals
-- Every interval of every active symbol: what it is, what it holds, how far it has come, and how good it is.
-- needs_processing: work is waiting that the clock has no say in; updated says the same in the words of before.
CREATE VIEW intervals AS
SELECT *, needs_processing AS updated FROM (
    SELECT d.symbol, d.interval, d.derived, d.base, d.calendar, i.first_bar, i.last_bar,
           coalesce(i.bar_count, 0) AS bar_count,
           CASE WHEN NOT d.derived THEN d.complete_through END AS complete_through, d.derived_through,
           d.interval_id IN (SELECT interval_id FROM pending(beginning()))
           OR EXISTS (SELECT 1 FROM invalidation AS i
                      WHERE d.derived AND i.interval_id = d.base_id AND i.range_start < d.derived_through
                        AND i.range_end > coalesce(d.final_before, beginning())) AS needs_processing,
           d.quality_pct, coalesce(g.gap_count, 0) AS gap_count
    FROM definition AS d
    JOIN interval_definition AS i USING (interval_id)
    LEFT JOIN (SELECT interval_id, count(*) AS gap_count FROM gap GROUP BY interval_id) AS g USING (interval_id)
);
