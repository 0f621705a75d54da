-- Accepting rows: those that are bars, each bar once, in the order of the bar table; and how many they are.

-- name: find_source_runs
-- The runs of one symbol that a source has, where each instant is later than the one before; none where any is not.
-- Bars that come so need neither sorting nor a search for repeats.
-- makes: source_runs(file_row, symbol_given, instant)
CREATE OR REPLACE TEMP TABLE {source_runs} AS
WITH compared AS (
    SELECT file_row, symbol_given, instant_given, lag(symbol_given) OVER () AS last_symbol,
           lag(instant_given) OVER () AS last_instant, lag(file_row) OVER () IS NULL AS first_
    FROM {canonical_rows}
),
summed AS (
    SELECT count(*) FILTER (WHERE instant_given IS NULL) AS unknown_count,
           count(*) FILTER (WHERE NOT first_ AND symbol_given IS NOT DISTINCT FROM last_symbol
                              AND instant_given <= last_instant) AS early_count,
           list({{'file_row': file_row, 'symbol_given': symbol_given, 'instant': instant_given}})
               FILTER (WHERE first_ OR symbol_given IS DISTINCT FROM last_symbol) AS runs
    FROM compared
)
SELECT unnest(runs, recursive := true) FROM summed WHERE unknown_count + early_count = 0;

-- name: first_rows
-- The first rows of a source.
-- part: canonical_rows
(FROM {canonical_rows} LIMIT {row_count})

-- name: find_symbol_starts
-- The first instant of each symbol, of a source that has them in any order; none where any instant is not known.
-- makes: source_runs(file_row, symbol_given, instant)
CREATE OR REPLACE TEMP TABLE {source_runs} AS
SELECT min(file_row) AS file_row, symbol_given, min(instant_given) AS instant
FROM {canonical_rows} GROUP BY symbol_given
QUALIFY bool_and(count(*) = count(instant_given)) OVER ();

-- name: unseen_range
-- How many symbols begin there, whether in the order of the bar table, each once, whether all of them where no bars are
-- yet, and where that is.
-- gives: run_count, is_ascending, is_unseen, first_id, last_id, first_start
-- takes: source_runs, symbol_map
-- reads: interval_definition
SELECT count(*) AS run_count,
       coalesce(bool_and(coalesce(interval_id > coalesce(last_id, 0), false)), false) AS is_ascending,
       coalesce(bool_and(coalesce(start_ >= coalesce(complete_through, beginning()), false)), false) AS is_unseen,
       min(interval_id) AS first_id, max(interval_id) AS last_id, min(start_) AS first_start
FROM (SELECT later(r.instant, -{shift_seconds}) AS start_, m.interval_id,
             lag(m.interval_id) OVER (ORDER BY r.file_row) AS last_id, d.complete_through
      FROM {source_runs} AS r
      LEFT JOIN {symbol_map} AS m ON {symbol_match}
      LEFT JOIN interval_definition AS d ON d.interval_id = m.interval_id);

-- name: in_order
-- Bars in the order of the bar table.
-- part: new_bars
{new_bars} ORDER BY interval_id, bar_start

-- name: count_disorder
-- How many of the bars just written do not come after the one before: none when all are sorted and no two are one.
-- gives: disorder_count
SELECT count(*) FILTER (WHERE interval_id < last_id OR (interval_id = last_id AND bar_start <= last_start))
           AS disorder_count
FROM (SELECT interval_id, bar_start, lag(interval_id) OVER () AS last_id, lag(bar_start) OVER () AS last_start
      FROM {written});

-- name: take_back
-- The bars a batch has just written go again, before anybody saw them.
-- writes: bar
DELETE FROM bar WHERE batch_id = $batch_id;

-- name: accepted_as_read
-- The rows taken, as they are judged; those that are to be counted apart come in the other way.
-- part: new_bars
(SELECT * FROM {judged_rows} WHERE reason IS NULL AND NOT widened AND NOT stray)

-- name: count_amended
-- How many of the rows taken had their high or low widened, or their vwap left out.
-- gives: amended_count
-- takes: judged_rows: any
SELECT count(*) AS amended_count FROM {judged_rows} WHERE reason IS NULL AND (widened OR stray);

-- name: counted_less
-- Rows as judged, of which some are bars that may lack trades: these count one less than a whole bar.
-- part: judged_rows
-- takes: lacking_bars: any
(SELECT j.* REPLACE (j.base_count - CASE WHEN l.interval_id IS NULL THEN 0 ELSE 1 END AS base_count)
 FROM {judged_rows} AS j
 LEFT JOIN {lacking_bars} AS l ON l.interval_id = j.interval_id AND l.bar_start = j.bar_start)

-- name: without_held
-- Rows as judged, without those of bars that are held back.
-- part: judged_rows
-- takes: held_bars: any
(SELECT j.* FROM {judged_rows} AS j
 ANTI JOIN {held_bars} AS h ON h.interval_id = j.interval_id AND h.bar_start = j.bar_start)

-- name: stage
-- Every row as judged, in the order of the bar table; of several with one key the source's last comes last.
-- makes: staged_rows(file_row, interval_id, bar_start, span_seconds, session_date, segment, open, high, low,
-- close, volume, trade_count, vwap, declared, base_count, expected_count, widened, stray, reason)
CREATE OR REPLACE TEMP TABLE {staged_rows} AS FROM {judged_rows} ORDER BY interval_id, bar_start, file_row;

-- name: accepted_of_staged
-- The rows taken of those.
-- part: new_bars
-- takes: staged_rows
(SELECT * FROM {staged_rows} WHERE reason IS NULL)

-- name: summary
-- What the judging came to: rows taken, rows in no session, rows that were widened, rows whose vwap was left out, and
-- rows that repeat a key.
-- gives: accepted_count, outside_count, widened_count, stray_count, repeated_count
-- takes: staged_rows
SELECT count(*) AS accepted_count, count(*) FILTER (WHERE session_date IS NULL) AS outside_count,
       count(*) FILTER (WHERE widened) AS widened_count, count(*) FILTER (WHERE stray) AS stray_count,
       count(*) FILTER (WHERE interval_id = last_id AND bar_start = last_start) AS repeated_count
FROM (SELECT interval_id, bar_start, session_date, widened, stray,
             lag(interval_id) OVER () AS last_id, lag(bar_start) OVER () AS last_start
      FROM {staged_rows} WHERE reason IS NULL);

-- name: reject_overlapping
-- Of bars outside of sessions none is taken that overlaps another, of the source or stored: either may be the right one.
-- writes: staged_rows
-- takes: staged_rows
-- reads: bar
UPDATE {staged_rows} AS s SET reason = 'overlaps another bar outside of sessions'
FROM (WITH outside AS (
          SELECT interval_id, bar_start FROM {staged_rows} WHERE reason IS NULL AND session_date IS NULL
      ),
      others AS (
          FROM outside
          UNION
          SELECT interval_id, bar_start FROM bar
          WHERE session_date IS NULL AND interval_id IN (SELECT interval_id FROM outside)
      )
      SELECT DISTINCT a.interval_id, a.bar_start
      FROM outside AS a JOIN others AS b ON b.interval_id = a.interval_id
       AND b.bar_start > later(a.bar_start, -{width_seconds}) AND b.bar_start < later(a.bar_start, {width_seconds})
       AND b.bar_start <> a.bar_start) AS o
WHERE s.interval_id = o.interval_id AND s.bar_start = o.bar_start AND s.reason IS NULL;

-- name: count_off_grid
-- How many rows lie where no bar starts and how many where one does; and how many of each before an instant.
-- gives: off_count, on_count, early_off_count, early_on_count, first_off
-- takes: judged_rows: any
SELECT count(*) FILTER (WHERE reason = {reason}) AS off_count, count(*) FILTER (WHERE reason IS NULL) AS on_count,
       count(*) FILTER (WHERE reason = {reason} AND bar_start < {through}) AS early_off_count,
       count(*) FILTER (WHERE reason IS NULL AND bar_start < {through}) AS early_on_count,
       min(bar_start) FILTER (WHERE reason = {reason}) AS first_off
FROM {judged_rows};

-- name: find_repeats
-- Rows whose key comes again later in the source, and whether the last of them says the same.
-- makes: repeated_rows(file_row, same, outside)
-- takes: staged_rows
CREATE OR REPLACE TEMP TABLE {repeated_rows} AS
WITH marked AS (
    SELECT interval_id, bar_start FROM (
        SELECT interval_id, bar_start, lag(interval_id) OVER () AS last_id, lag(bar_start) OVER () AS last_start
        FROM {staged_rows} WHERE reason IS NULL)
    WHERE interval_id = last_id AND bar_start = last_start
),
rows_ AS (
    SELECT f.*, last_value(file_row) OVER one_bar AS kept_row,
           (open, high, low, close, volume, trade_count, vwap, declared) IS NOT DISTINCT FROM last_value(
               (open, high, low, close, volume, trade_count, vwap, declared)) OVER one_bar AS same
    FROM {staged_rows} AS f SEMI JOIN marked USING (interval_id, bar_start)
    WHERE f.reason IS NULL
    WINDOW one_bar AS (PARTITION BY interval_id, bar_start ORDER BY file_row
                       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT file_row, same, session_date IS NULL AS outside FROM rows_ WHERE file_row <> kept_row;

-- name: drop_repeats
-- Of several rows with one key only the last stays.
-- writes: staged_rows
-- takes: staged_rows, repeated_rows
DELETE FROM {staged_rows} WHERE file_row IN (SELECT file_row FROM {repeated_rows});

-- name: count_repeats
-- How many rows came again later: with the same values, with others, and of those with others in no session.
-- gives: same_count, contradicted_count, contradicted_outside_count
-- takes: repeated_rows
SELECT count(*) FILTER (WHERE same) AS same_count, count(*) FILTER (WHERE NOT same) AS contradicted_count,
       count(*) FILTER (WHERE NOT same AND outside) AS contradicted_outside_count
FROM {repeated_rows};

-- name: count_bars
-- The rows taken, counted by interval, session and segment.
-- makes: bar_counts(interval_id, session_date, segment, bar_count, complete_count, first_start, last_start,
-- last_end)
CREATE OR REPLACE TEMP TABLE {bar_counts} AS
SELECT interval_id, session_date, segment, count(*) AS bar_count,
       count(*) FILTER (WHERE base_count = 1 AND expected_count = 1) AS complete_count, min(bar_start) AS first_start,
       max(bar_start) AS last_start, max(later(bar_start, span_seconds)) AS last_end
FROM {new_bars}
GROUP BY ALL;

-- name: written
-- The bars a batch has just written.
-- part: new_bars
-- reads: bar
(FROM bar WHERE batch_id = {batch_id} AND interval_id BETWEEN {first_id} AND {last_id} AND bar_start >= {first_start})

-- name: count_outside
-- How many of the rows taken lie in no session.
-- gives: outside_count
-- takes: bar_counts
SELECT coalesce(sum(bar_count) FILTER (WHERE session_date IS NULL), 0)::BIGINT AS outside_count FROM {bar_counts};
