-- view: symbols
-- Every name of every active symbol: that of today, those it had before, and aliases, each with the sessions it is valid for.
CREATE VIEW symbols AS
SELECT s.symbol, coalesce(n.name, s.symbol) AS name,
       CASE WHEN n.is_alias THEN 'alias' WHEN n.valid_to IS NOT NULL THEN 'former' ELSE 'name' END AS kind,
       n.valid_from, n.valid_to, n.vendor, s.calendar, s.closing_bar, s.added_by, s.registered_at,
       nullif(n.batch_id, 0) AS batch_id
FROM symbol AS s
LEFT JOIN (SELECT symbol_id, name, is_alias, vendor, valid_from, valid_to, batch_id FROM symbol_name
           WHERE replaced_by IS NULL
           UNION ALL
           SELECT symbol_id, symbol, false, NULL, NULL, NULL, NULL FROM symbol
           WHERE symbol_id NOT IN (SELECT symbol_id FROM symbol_name WHERE NOT is_alias AND replaced_by IS NULL)) AS n
       USING (symbol_id)
WHERE s.removed_at IS NULL;

-- macro: names_at
-- What each symbol was called after a batch, with its name of today and when it was registered; none of one that another
-- symbol was called then. Those that were registered later are among them.
CREATE MACRO names_at(batch_) AS TABLE
WITH called AS (
    SELECT symbol_id, name FROM symbol_name
    WHERE NOT is_alias AND valid_to IS NULL AND batch_id <= batch_ AND (replaced_by IS NULL OR replaced_by > batch_)
)
SELECT s.symbol_id, coalesce(c.name, s.symbol) AS name, s.symbol, s.registered_at
FROM symbol AS s
LEFT JOIN called AS c USING (symbol_id)
WHERE c.name IS NOT NULL OR s.symbol NOT IN (SELECT name FROM called);

-- macro: bars_as_of
-- bars as the store knew them at an instant of its own clock, by the names of then: a TIMESTAMPTZ, or text with its
-- zone; an error for an instant before history is kept.
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
),
named AS (
    SELECT n.symbol_id, n.name FROM symbol_name AS n, known
    WHERE NOT n.is_alias AND n.valid_to IS NULL AND n.batch_id <= known.batch_id
      AND (n.replaced_by IS NULL OR n.replaced_by > known.batch_id)
)
SELECT coalesce(n.name, s.symbol) AS symbol, d.interval, b.bar_start, later(b.bar_start, b.span_seconds) AS bar_end, b.session_date,
       b.open, b.high, b.low, b.close, b.volume, b.trade_count, b.vwap, b.base_count, b.expected_count,
       CASE WHEN b.expected_count > 0 THEN b.base_count = b.expected_count END AS complete,
       b.batch_id /*declared*/
FROM then_ AS b
JOIN interval_definition AS d USING (interval_id)
JOIN symbol AS s USING (symbol_id)
LEFT JOIN named AS n USING (symbol_id) /*values of b*/;
