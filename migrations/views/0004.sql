-- What schema 0004 changes of the views and macros of 0003.

-- view: intervals
-- Every interval of every active symbol: what it is, what it holds, how far it has come, and how good it is.
-- needs_processing: work is waiting that the clock has no say in; updated says the same in the words of before.
CREATE VIEW intervals AS
SELECT *, needs_processing AS updated FROM (
    SELECT d.symbol, d.interval, d.derived, d.base, d.calendar, b.first_bar, b.last_bar,
           coalesce(b.bar_count, 0) AS bar_count,
           CASE WHEN NOT d.derived THEN d.complete_through END AS complete_through, d.derived_through,
           d.interval_id IN (SELECT interval_id FROM pending(beginning()))
           OR EXISTS (SELECT 1 FROM invalidation AS i
                      WHERE d.derived AND i.interval_id = d.base_id AND i.range_start < d.derived_through
                        AND i.range_end > coalesce(d.final_before, beginning())) AS needs_processing,
           d.quality_pct, coalesce(g.gap_count, 0) AS gap_count
    FROM definition AS d
    LEFT JOIN (SELECT interval_id, min(bar_start) AS first_bar, max(bar_start) AS last_bar, count(*) AS bar_count
               FROM bar GROUP BY interval_id) AS b USING (interval_id)
    LEFT JOIN (SELECT interval_id, count(*) AS gap_count FROM gap GROUP BY interval_id) AS g USING (interval_id)
);

-- macro: health_at
-- How each active symbol stands at a moment: how far behind its sessions its base bars are, how many derived bars
-- were written in the minute before, how good its base bars are, and how many of its intervals have work waiting.
CREATE MACRO health_at(moment_) AS TABLE
WITH due AS (
    SELECT calendar, max(least(moment_, segment_close)) AS due_through
    FROM trading_session WHERE replaced_by IS NULL AND segment_open <= moment_
    GROUP BY calendar
),
gap_ AS (
    SELECT interval_id, count(*) AS gap_count, sum(missing_count)::BIGINT AS missing_count FROM gap GROUP BY interval_id
),
waiting_ AS (
    SELECT d.symbol_id, count(*) AS waiting_count
    FROM definition AS d
    WHERE d.derived AND (d.interval_id IN (SELECT interval_id FROM pending(later(moment_, -60)))
                         OR EXISTS (SELECT 1 FROM invalidation AS i
                                    WHERE i.interval_id = d.base_id AND i.range_start < d.derived_through))
    GROUP BY d.symbol_id
),
written_ AS (
    SELECT d.symbol_id, count(*) AS derived_count
    FROM batch AS t
    JOIN bar AS b ON b.batch_id = t.batch_id
    JOIN interval_definition AS d ON d.interval_id = b.interval_id AND d.derived
    WHERE t.kind <> 'calendar' AND t.committed_at > later(moment_, -60) AND t.committed_at <= moment_
    GROUP BY d.symbol_id
)
SELECT b.symbol, b.calendar, b.interval AS base, n.interval_count, b.complete_through, due.due_through,
       CASE WHEN b.complete_through IS NOT NULL
            THEN greatest(epoch_us(due.due_through) - epoch_us(b.complete_through), 0) / 1000000.0::DOUBLE END AS lag_seconds,
       coalesce(c.derived_count, 0) AS derived_last_minute, b.quality_pct, coalesce(g.gap_count, 0) AS gap_count,
       coalesce(g.missing_count, 0) AS missing_count, coalesce(w.waiting_count, 0) AS waiting_count,
       derived_last_minute AS closed_per_minute
FROM definition AS b
JOIN (SELECT symbol_id, count(*) AS interval_count FROM definition GROUP BY symbol_id) AS n USING (symbol_id)
LEFT JOIN due USING (calendar)
LEFT JOIN gap_ AS g USING (interval_id)
LEFT JOIN waiting_ AS w USING (symbol_id)
LEFT JOIN written_ AS c USING (symbol_id)
WHERE NOT b.derived;

-- view: revision_retention
-- One row: since when all revisions are kept (null: since ever), and when older ones were purged last. bars_as_of() of a
-- moment before kept_from is an error.
CREATE VIEW revision_retention AS
SELECT max(h.kept_from) AS kept_from, max(b.committed_at) AS purged_at
FROM history_start AS h
JOIN batch AS b USING (batch_id);

-- view: history
-- What revision_retention was called before.
CREATE VIEW history AS
SELECT kept_from FROM revision_retention;

-- macro: zoned
-- An instant as it was given: a TIMESTAMPTZ, or text that says its zone. A date, or a time without a zone, would mean
-- another instant in each session's time zone and is an error.
CREATE MACRO zoned(given_) AS
    CASE WHEN typeof(given_) = 'TIMESTAMP WITH TIME ZONE' THEN given_::TIMESTAMPTZ
         WHEN typeof(given_) = 'VARCHAR'
              AND regexp_matches(given_::VARCHAR, ':[0-9.]+ ?([A-Za-z][A-Za-z0-9_/+-]*|[+-][0-9]{2}(:?[0-9]{2}){0,2})$')
         THEN given_::TIMESTAMPTZ
         ELSE error('an instant with its zone is needed, such as TIMESTAMPTZ ''2024-11-29 14:30:00+00'', not '
                    || coalesce(given_::VARCHAR, 'NULL')) END;

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
       b.batch_id
FROM then_ AS b
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id);
