-- What a small write comes to in the accounts, as it was worked out beforehand.

-- name: move_bases
-- How far base intervals are complete now, what their coverage comes to, and how many bars they have.
-- writes: interval_definition
-- takes: moved_bases
UPDATE interval_definition AS d
SET complete_through = m.through, first_session = m.first_session, expected_count = m.expected_count,
    present_count = m.present_count,
    quality_pct = m.quality_pct, bar_count = m.bar_count, first_bar = m.first_bar, last_bar = m.last_bar
FROM {moved_bases} AS m
WHERE d.interval_id = m.interval_id;

-- name: move_derived
-- How far derived intervals are derived now, when the next bucket closes, what their coverage comes to, and how many
-- bars they have.
-- writes: interval_definition
-- takes: moved_derived
UPDATE interval_definition AS d
SET derived_through = m.through, next_close = m.next_close, first_session = m.first_session,
    expected_count = m.expected_count, present_count = m.present_count,
    quality_pct = m.quality_pct, bar_count = m.bar_count, first_bar = m.first_bar, last_bar = m.last_bar
FROM {moved_derived} AS m
WHERE d.interval_id = m.interval_id;

-- name: add_gaps
-- Gaps that are new; one that goes on where another ended in the same segment is the same one.
-- writes: gap
-- takes: added_gaps
MERGE INTO gap AS g
USING {added_gaps} AS n
   ON g.interval_id = n.interval_id AND g.session_date = n.session_date AND g.segment = n.segment
  AND g.gap_end = n.gap_start AND g.session_date >= $first_date
WHEN MATCHED THEN UPDATE SET
    gap_end = n.gap_end, missing_count = g.missing_count + n.missing_count,
    incomplete_count = g.incomplete_count + n.incomplete_count
WHEN NOT MATCHED THEN INSERT (interval_id, session_date, segment, gap_start, gap_end, missing_count, incomplete_count)
    VALUES (n.interval_id, n.session_date, n.segment, n.gap_start, n.gap_end, n.missing_count, n.incomplete_count);

-- name: add_batch
-- The batch's own row, with the instant that is its own.
-- writes: batch
INSERT INTO batch (batch_id, kind, source, started_at, committed_at, inserted, revised, unchanged, rejected, deleted)
VALUES ($batch_id, $kind, $source, $started_at, instant($committed_us), $inserted, $revised, $unchanged, 0, 0);

-- name: bars_of_buckets
-- The bars of buckets, of all lengths at once: each bucket is one stretch of time of its base. Sums are exact decimals,
-- rounded once, so that the path taken leaves no trace in the bits.
-- part: new_bars(interval_id, bar_start, span_seconds, session_date, segment, open, high, low, close, volume,
-- trade_count, vwap, base_count, expected_count)
-- takes: wanted_bars
-- reads: bar
(SELECT t.interval_id, t.from_ AS bar_start, t.span_seconds, t.session_date, t.segment,
        arg_min(b.open, b.bar_start) AS open, max(b.high) AS high, min(b.low) AS low,
        arg_max(b.close, b.bar_start) AS close, sum(b.volume::DECIMAL(38, 9))::DOUBLE AS volume,
        CASE WHEN count(b.trade_count) = count(*) THEN sum(b.trade_count)::BIGINT END AS trade_count,
        vwap_of(sum(CASE WHEN b.volume > 0 THEN (b.vwap * b.volume)::DECIMAL(38, 15) END),
                sum(b.volume::DECIMAL(38, 9)), bool_and(b.volume = 0 OR b.vwap IS NOT NULL), min(b.low), max(b.high))
            AS vwap,
        sum(b.base_count)::INTEGER AS base_count, t.expected_count
 FROM {wanted_bars} AS t
 JOIN bar AS b ON b.interval_id = t.base_id AND b.bar_start >= t.from_ AND b.bar_start < t.to_
              AND b.session_date >= t.session_date AND b.session_date <= t.last_date
 WHERE b.bar_start >= $first_start::TIMESTAMPTZ AND b.bar_start < $last_end::TIMESTAMPTZ
   AND b.interval_id IN (SELECT base_id FROM {wanted_bars})
 GROUP BY t.interval_id, t.from_, t.span_seconds, t.session_date, t.segment, t.expected_count)

-- name: derive_bars
-- The bars of buckets that have closed, written. Gives back what they are.
-- writes: bar
INSERT INTO bar
SELECT n.*, $batch_id FROM {new_bars} AS n
ORDER BY n.interval_id, n.bar_start
RETURNING interval_id, epoch_us(bar_start) AS start_us, base_count, expected_count;
