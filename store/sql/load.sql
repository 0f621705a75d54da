-- Loading base bars: from the rows as given to bars that are checked and placed in their sessions.

-- name: describe
-- The columns a source has.
DESCRIBE SELECT * FROM {rows};

-- name: forget_malformed
-- What an earlier load of the same transaction noted.
DROP TABLE IF EXISTS temp.{table};

-- name: symbols_given
-- The symbols a source names, each once, as it spells them.
SELECT DISTINCT {symbol}::VARCHAR FROM {rows} WHERE {symbol} IS NOT NULL;

-- name: definitions
-- The base intervals of the symbols named, as they are before the load, and how far they are derived.
SELECT d.symbol, d.interval_id, d.interval, d.calendar, d.kind, d.length, d.closing_seconds > 0 AS includes_closing_bar,
       d.retained_from, d.complete_through, d.first_session, d.account_from, v.derived_through
FROM definition AS d
LEFT JOIN (SELECT symbol_id, max(derived_through) AS derived_through FROM interval_definition
           WHERE derived GROUP BY symbol_id) AS v USING (symbol_id)
WHERE NOT d.derived AND d.symbol IN (SELECT unnest($symbols::VARCHAR[]));

-- name: parsed
-- The rows as given, parsed but not judged, with their place in the source, from 1.
-- Stamps outside the years 1 to 9999 are none: nothing but a database could hold them.
(SELECT * REPLACE (
    CASE WHEN local BETWEEN TIMESTAMP '0001-01-02' AND TIMESTAMP '9999-12-30' THEN local END AS local,
    CASE WHEN instant_given BETWEEN beginning() AND make_timestamptz(253402214400000000) THEN instant_given END
        AS instant_given)
FROM (
SELECT {file_row} AS file_row, {symbol} AS symbol_given, {local} AS local, {instant} AS instant_given,
       {open} AS open, {high} AS high, {low} AS low, {close} AS close, {volume} AS volume,
       {trade_count} AS trade_count, {vwap} AS vwap, {misread} AS misread
FROM {rows}))

-- name: counted_row
-- The place of a row in a source, counted as it is read. Row ids would not do: inside a transaction DuckDB counts
-- them from elsewhere.
row_number() OVER ()

-- name: parquet_row
-- The place of a row in a Parquet file, which several threads may read.
file_row_number + 1

-- name: keep_parsed
-- Text is parsed once; what it comes to is asked several times.
CREATE OR REPLACE TEMP TABLE raw AS SELECT * EXCLUDE (file_row) FROM {parsed};

-- name: bounds
-- How many rows there are, the time they span, and how many stamps need a time zone to mean an instant.
-- Stamps at midnight name a date where bars are as long as sessions; those need none.
SELECT count(*),
       least(min(instant_given), min(local::TIMESTAMPTZ)),
       greatest(max(instant_given), max(local::TIMESTAMPTZ)),
       count(*) FILTER (WHERE instant_given IS NULL AND local IS NOT NULL),
       count(*) FILTER (WHERE instant_given IS NULL AND local <> date_trunc('day', local))
FROM {raw};

-- name: arrow_rows
-- A frame, registered by this name.
source_frame

-- name: parquet_rows
-- Parquet files, one after the other; columns are matched by name.
read_parquet({paths}, union_by_name = true{more})

-- name: parquet_rows_numbered
-- One Parquet file, with the place of each row in it.
read_parquet({paths}, file_row_number = true{more})

-- name: csv_rows
-- Text files, every field as it stands; lines that are no rows are passed over.
read_csv({paths}, all_varchar = true, {header}, compression = '{compression}', skip = {skip}, ignore_errors = true{more})

-- name: rows_with_path_symbol
-- Rows of files whose path says whose they are.
(SELECT * EXCLUDE (source_path), url_decode(regexp_extract(source_path, {pattern}, 1)) AS path_symbol FROM {rows})

-- name: rows_wanted
-- The rows of some symbols.
(SELECT * FROM {rows} WHERE {wanted})

-- name: csv_rows_noting_malformed
-- The same, with the lines that are no rows noted.
read_csv({paths}, all_varchar = true, {header}, compression = '{compression}', skip = {skip},
         store_rejects = true, rejects_table = 'malformed', rejects_scan = 'malformed_scan'{more})

-- name: raw_in_order
-- The rows that were kept, with their place in the source.
(SELECT row_number() OVER () AS file_row, * FROM raw)

-- name: with_inferred
-- Rows with what was inferred about repeated hours.
(SELECT r.*, i.occurrence AS inferred_occurrence FROM {raw} AS r LEFT JOIN inferred AS i USING (file_row))

-- name: zone_join
-- Local stamps find how far their zone is from UTC.
LEFT JOIN zone_piece AS z ON z.local_day = r.local::DATE - DATE '1970-01-01'
                         AND r.local >= z.local_from AND r.local < z.local_to
                         AND r.instant_given IS NULL AND {occurrence}

-- name: stamp_of_zone
-- The instant of a stamp: as given, or by its zone. Local times so far off that no zone was asked for are decided as
-- if they were UTC: they are refused in any case, for lying in the future or before every calendar.
coalesce(r.instant_given, instant(epoch_us(r.local) - z.offset_seconds * 1000000),
         CASE WHEN r.local < DATE '{first_local}' OR r.local >= DATE '{last_local}' + 1
              THEN instant(epoch_us(r.local)) END)

-- name: infer_occurrence
-- Which pass through the repeated hour an ambiguous stamp belongs to: the second, once the clock has gone back
-- between one row of the symbol and the next. In a source that runs backwards the passes come the other way round.
CREATE OR REPLACE TEMP TABLE inferred AS
WITH ordered AS (
    SELECT file_row, upper(trim(symbol_given)) AS symbol_given, local, instant_given FROM {raw}
),
direction AS (
    SELECT symbol_given, arg_min(local, file_row) > arg_max(local, file_row) AS backwards
    FROM ordered GROUP BY symbol_given
),
repeated AS (
    SELECT r.file_row, r.symbol_given, r.local, z.local_from,
           CASE WHEN d.backwards THEN -r.file_row ELSE r.file_row END AS position
    FROM ordered AS r
    JOIN zone_piece AS z ON z.local_day = r.local::DATE - DATE '1970-01-01'
                        AND r.local >= z.local_from AND r.local < z.local_to AND z.occurrence = 1
    JOIN direction AS d ON d.symbol_given IS NOT DISTINCT FROM r.symbol_given
    WHERE r.instant_given IS NULL
),
stepped AS (
    SELECT *, coalesce(local <= lag(local) OVER (PARTITION BY symbol_given, local_from ORDER BY position), false)
               AS steps_back
    FROM repeated
),
passed AS (
    SELECT file_row,
           count_if(steps_back) OVER (PARTITION BY symbol_given, local_from ORDER BY position) AS passed_count,
           count_if(steps_back) OVER (PARTITION BY symbol_given, local_from) AS step_count
    FROM stepped
)
SELECT file_row, 1 + passed_count AS occurrence FROM passed WHERE step_count = 1;

-- name: numbered_piece
-- The same, numbered, so that each is found by one equality: a join that tries several rows for a key gives its rows
-- in another order than it takes them, and bars in order need no sorting.
CREATE OR REPLACE TEMP TABLE numbered_piece AS
SELECT row_number() OVER (ORDER BY calendar, day, from_us) AS number, * FROM {calendar_pieces};

-- name: calendar_day
-- For each UTC day its first piece, and where each ends.
CREATE OR REPLACE TEMP TABLE calendar_day AS
SELECT calendar, day, min(number) AS first_number, list(to_us ORDER BY number) AS cuts
FROM numbered_piece GROUP BY calendar, day;

-- name: day_parts
-- Into how many pieces a day is cut at most.
SELECT coalesce(max(len(cuts)), 1) FROM calendar_day;

-- name: find_piece
-- The piece an instant lies in, for few rows.
LEFT JOIN {calendar_pieces} AS p
       ON p.calendar = t.calendar AND p.day = day_number(t.stamp_us - {end_shift})
      AND t.stamp_us - {end_shift} >= p.from_us AND t.stamp_us - {end_shift} < p.to_us

-- name: find_numbered_piece
-- The piece an instant lies in, for many rows: the day's first, and one more for each end that is past.
LEFT JOIN (SELECT calendar, day, first_number, {ends} FROM calendar_day) AS d
       ON d.calendar = t.calendar AND d.day = day_number(t.stamp_us - {end_shift})
LEFT JOIN numbered_piece AS p ON p.number = d.first_number + {past} AND t.stamp_us - {end_shift} >= p.from_us

-- name: session_name
-- What may stand for a session or a block of them in a source of bars of 1d and longer: the date of its first
-- session, and the calendar date it starts on (a week's Monday, a month's first).
CREATE OR REPLACE TEMP TABLE session_name AS
SELECT DISTINCT calendar, first_date, block_open, block_close,
       unnest([first_date, CASE unit WHEN 'week' THEN DATE '1970-01-05' + block * length * 7
                                     WHEN 'month' THEN (DATE '1970-01-01' + to_months(block * length))::DATE
                                     ELSE first_date END]) AS named_date
FROM calendar_block
WHERE unit = $unit AND length = $length AND base_unit = $unit AND base_length = $length
  AND calendar IN (SELECT calendar FROM symbol_map);

-- name: judge
-- Every row as a bar: where it lies, and why it cannot be taken, if it cannot. The first reason that holds counts.
(WITH timed AS (
    SELECT r.*, m.interval_id, m.calendar, m.includes_closing_bar, m.retained_from, m.refusal,
           CASE WHEN r.local = date_trunc('day', r.local) THEN r.local::DATE END AS named_date,
           {stamp} AS stamp, {ambiguous} AS ambiguous
    FROM {raw} AS r
    LEFT JOIN symbol_map AS m ON {symbol_match}
    {zoned}
),
{placed}
SELECT file_row, interval_id, bar_start, span_seconds, session_date, segment,
       open, high, low, close, volume, trade_count, vwap, base_count, expected_count, known,
       CASE WHEN {sound} THEN NULL
            WHEN refusal IS NOT NULL THEN refusal
            WHEN interval_id IS NULL THEN 'the symbol is missing'
            WHEN local IS NULL AND instant_given IS NULL THEN 'the stamp cannot be read'
            WHEN unplaceable THEN 'no such local time: the clock skips it'
            WHEN ambiguous THEN 'ambiguous local time: the clock shows it twice; the option ambiguous says which is meant'
            WHEN misread IS NOT NULL THEN misread || ' is not a number'
            WHEN open IS NULL THEN 'open is missing'
            WHEN high IS NULL THEN 'high is missing'
            WHEN low IS NULL THEN 'low is missing'
            WHEN close IS NULL THEN 'close is missing'
            WHEN volume IS NULL THEN 'volume is missing'
            WHEN NOT (isfinite(open) AND isfinite(high) AND isfinite(low) AND isfinite(close)
                      AND isfinite(volume) AND isfinite(coalesce(vwap, 0))) THEN 'a price or the volume is not finite'
            WHEN high < low THEN 'high is below low'
            WHEN open NOT BETWEEN low AND high THEN 'open is outside [low, high]'
            WHEN close NOT BETWEEN low AND high THEN 'close is outside [low, high]'
            WHEN volume < 0 THEN 'volume is negative'
            WHEN trade_count < 0 THEN 'trade_count is negative'
            WHEN greatest(abs(high), abs(low), abs(coalesce(vwap, 0))) * volume >= {turnover_limit}
              OR volume >= {volume_limit} OR trade_count >= {trade_count_limit}
            THEN 'price times volume is too large to be summed exactly'
            WHEN misplaced THEN {misplaced_reason}
            WHEN later(bar_start, span_seconds) > {latest_end} THEN 'the bar has not ended yet'
            WHEN bar_start < retained_from
            THEN 'before retained_from: bars of that time were purged, and what was derived from them is final'
       END AS reason
FROM placed)

-- name: sound
-- Whether nothing is wrong with a row, asked first for nearly all are so; where it is not true the reasons are gone
-- through one by one. Turnover is below its limit only where prices and volume are finite.
refusal IS NULL AND interval_id IS NOT NULL AND NOT unplaceable AND NOT ambiguous AND misread IS NULL
            AND open BETWEEN low AND high AND close BETWEEN low AND high AND volume >= 0 AND volume < {volume_limit}
            AND greatest(high, -low) * volume < {turnover_limit} AND (vwap IS NULL OR abs(vwap) * volume < {turnover_limit})
            AND coalesce(trade_count, 0) BETWEEN 0 AND {trade_count_limit} - 1
            AND NOT misplaced AND later(bar_start, span_seconds) <= {latest_end}
            AND (retained_from IS NULL OR bar_start >= retained_from)

-- name: placed_intraday
-- Where bars that are parts of a segment lie: on the grid of the segment, or outside every session. A stamp that
-- labels the end is looked up just before it.
found AS (
    SELECT t.*, p.day IS NOT NULL AS known, p.session_date AS in_date, p.segment AS in_segment,
           p.from_us, p.to_us, p.closed_date, p.closed_segment
    FROM (SELECT *, epoch_us(stamp) AS stamp_us FROM timed) AS t
    {find}
),
started AS (
    SELECT *, {start} AS start_us FROM found
),
closing AS (
    SELECT *, coalesce(includes_closing_bar AND closed_date IS NOT NULL AND start_us = from_us, false) AS closing
    FROM started
),
placed AS (
    SELECT *, instant(start_us) AS bar_start,
           CASE WHEN in_segment IS NULL THEN {width_us} ELSE least({width_us}, to_us - start_us) END // 1000000 AS span_seconds,
           CASE WHEN closing THEN closed_date ELSE in_date END AS session_date,
           CASE WHEN closing THEN closed_segment ELSE in_segment END AS segment,
           CASE WHEN closing THEN 0 ELSE 1 END AS base_count,
           CASE WHEN in_segment IS NULL THEN 0 ELSE 1 END AS expected_count,
           CASE WHEN in_segment IS NULL THEN start_us < from_us OR start_us + {width_us} > to_us
                ELSE {off_grid} END AS misplaced,
           stamp IS NULL AS unplaceable
    FROM closing
)

-- name: start_stamped_at_start
-- Where a bar starts that is labelled by its start.
stamp_us

-- name: start_stamped_at_end
-- Where a bar starts that is labelled by its end: inside a segment at the grid point before.
CASE WHEN in_segment IS NULL THEN stamp_us - {width_us}
     ELSE from_us + (stamp_us - 1 - from_us) // {width_us} * {width_us} END

-- name: off_grid_stamped_at_start
-- Whether the start is no multiple of the width from the segment's open.
(start_us - from_us) % {width_us} <> 0

-- name: off_grid_stamped_at_end
-- Whether no bar of the grid ends at the stamp.
stamp_us <> least(start_us + {width_us}, to_us)

-- name: placed_sessions
-- Which session, or block of them, a bar of 1d or longer is: the one its date names, or the one that begins (with
-- end labels: ends) at its stamp.
found AS (
    SELECT t.*, coalesce(n.first_date, o.first_date) AS session_date,
           coalesce(n.block_open, o.block_open) AS bar_start,
           (epoch_us(coalesce(n.block_close, o.block_close)) - epoch_us(coalesce(n.block_open, o.block_open))) // 1000000
               AS span_seconds,
           coalesce(t.named_date, t.stamp::DATE) BETWEEN c.known_from AND c.known_through AS known
    FROM timed AS t
    LEFT JOIN trading_calendar AS c ON c.calendar = t.calendar
    LEFT JOIN session_name AS n ON n.calendar = t.calendar AND n.named_date = t.named_date
    LEFT JOIN session_name AS o ON o.calendar = t.calendar AND o.{edge} = t.stamp AND o.named_date = o.first_date
),
placed AS (
    SELECT * REPLACE (coalesce(bar_start, stamp, named_date::TIMESTAMPTZ) AS bar_start,
                      coalesce(span_seconds, 0) AS span_seconds),
           0 AS segment, 1 AS base_count, 1 AS expected_count, bar_start IS NULL AND known AS misplaced,
           stamp IS NULL AND named_date IS NULL AS unplaceable
    FROM found
)

-- name: run_count
-- How many runs of one symbol a source has, where each instant is later than the one before; none where any is not.
-- Bars that come so need neither sorting nor a search for repeats.
CREATE OR REPLACE TEMP TABLE source_run AS
WITH compared AS (
    SELECT file_row, symbol_given, instant_given, lag(symbol_given) OVER () AS last_symbol,
           lag(instant_given) OVER () AS last_instant, lag(file_row) OVER () IS NULL AS first_
    FROM {raw}
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

-- name: beginning_of
-- The first rows of a source.
(FROM {raw} LIMIT {row_count})

-- name: starts
-- The first instant of each symbol, of a source that has them in any order; none where any instant is not known.
CREATE OR REPLACE TEMP TABLE source_run AS
SELECT min(file_row) AS file_row, symbol_given, min(instant_given) AS instant
FROM {raw} GROUP BY symbol_given
QUALIFY bool_and(count(*) = count(instant_given)) OVER ();

-- name: free_place
-- How many symbols begin there, whether in the order of the bar table, each once, whether all of them where no bars are
-- yet, and where that is.
SELECT count(*), coalesce(bool_and(coalesce(interval_id > coalesce(last_id, 0), false)), false),
       coalesce(bool_and(coalesce(start_ >= coalesce(complete_through, beginning()), false)), false),
       min(interval_id), max(interval_id), min(start_)
FROM (SELECT later(r.instant, -{width} * {at_end}) AS start_, m.interval_id,
             lag(m.interval_id) OVER (ORDER BY r.file_row) AS last_id, d.complete_through
      FROM source_run AS r
      LEFT JOIN symbol_map AS m ON {symbol_match}
      LEFT JOIN interval_definition AS d ON d.interval_id = m.interval_id);

-- name: in_order
-- The order of the bar table.
ORDER BY interval_id, bar_start

-- name: count_disorder
-- How many of the bars just written do not come after the one before: none when all are sorted and no two are one.
SELECT count(*) FILTER (WHERE interval_id < last_id OR (interval_id = last_id AND bar_start <= last_start))
FROM (SELECT interval_id, bar_start, lag(interval_id) OVER () AS last_id, lag(bar_start) OVER () AS last_start
      FROM {written});

-- name: take_back
-- The bars a batch has just written go again, before anybody saw them.
DELETE FROM bar WHERE batch_id = $batch_id;

-- name: taken
-- The rows taken, as they are judged.
(SELECT * FROM {judged} WHERE reason IS NULL AND known)

-- name: stage
-- Every row as judged, in the order of the bar table; of several with one key the source's last comes last.
CREATE OR REPLACE TEMP TABLE staged AS FROM {judged} ORDER BY interval_id, bar_start, file_row;

-- name: staged_taken
-- The rows taken of those.
(SELECT * FROM staged WHERE reason IS NULL)

-- name: verdict
-- What the judging came to: rows taken, rows in no session, rows that repeat a key, and rows no calendar can place.
SELECT count(*), count(*) FILTER (WHERE session_date IS NULL),
       count(*) FILTER (WHERE interval_id = last_id AND bar_start = last_start), count(*) FILTER (WHERE NOT known)
FROM (SELECT interval_id, bar_start, session_date, known, lag(interval_id) OVER () AS last_id, lag(bar_start) OVER () AS last_start
      FROM staged WHERE reason IS NULL);

-- name: unknown_range
-- The first row beyond what its calendar knows; none when each is known.
SELECT m.calendar, c.known_from, c.known_through, s.file_row
FROM {judged} AS s
JOIN symbol_map AS m USING (interval_id)
JOIN trading_calendar AS c USING (calendar)
WHERE s.reason IS NULL AND NOT s.known
ORDER BY s.file_row
LIMIT 1;

-- name: repeats
-- Rows whose key comes again later in the source, and whether the last of them says the same.
CREATE OR REPLACE TEMP TABLE repeated AS
WITH marked AS (
    SELECT interval_id, bar_start FROM (
        SELECT interval_id, bar_start, lag(interval_id) OVER () AS last_id, lag(bar_start) OVER () AS last_start
        FROM staged WHERE reason IS NULL)
    WHERE interval_id = last_id AND bar_start = last_start
),
rows_ AS (
    SELECT f.*, last_value(file_row) OVER one_bar AS kept_row,
           (open, high, low, close, volume, trade_count, vwap) IS NOT DISTINCT FROM last_value(
               (open, high, low, close, volume, trade_count, vwap)) OVER one_bar AS same
    FROM staged AS f SEMI JOIN marked USING (interval_id, bar_start)
    WHERE f.reason IS NULL
    WINDOW one_bar AS (PARTITION BY interval_id, bar_start ORDER BY file_row
                       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT file_row, same, session_date IS NULL AS outside FROM rows_ WHERE file_row <> kept_row;

-- name: drop_repeats
-- Of several rows with one key only the last stays.
DELETE FROM staged WHERE file_row IN (SELECT file_row FROM repeated);

-- name: count_repeats
-- How many rows came again later: with the same values, with others, and of those with others in no session.
SELECT count(*) FILTER (WHERE same), count(*) FILTER (WHERE NOT same), count(*) FILTER (WHERE NOT same AND outside)
FROM repeated;

-- name: refused
-- Every row left out, with its reason.
CREATE OR REPLACE TEMP TABLE refused AS
{repeats}
SELECT file_row, reason FROM {judged} WHERE reason IS NOT NULL;

-- name: count_refused
-- How many rows that is.
SELECT count(*) FROM refused;

-- name: refused_repeats
-- Rows that a later row contradicts.
SELECT file_row, 'a later row of the source has other values for this bar' AS reason FROM repeated WHERE NOT same
UNION ALL

-- name: rejects_by_reason
-- The rows left out, counted by reason, each with the first row as given.
SELECT reason, count(*), min(file_row), arg_min(given, coalesce(file_row, 0))
FROM refused_given GROUP BY reason ORDER BY count(*) DESC, reason;

-- name: quote_rejects
-- The rows left out as they were given: read from the source again, for few need it.
CREATE OR REPLACE TEMP TABLE refused_given AS
{malformed}
SELECT f.file_row, g.given, f.reason
FROM refused AS f
JOIN (SELECT row_number() OVER () AS file_row, to_json(r)::VARCHAR AS given FROM {rows} AS r) AS g USING (file_row);

-- name: malformed_given
-- Lines of a text file that are no rows: too few or too many fields.
SELECT NULL AS file_row, csv_line AS given, 'line ' || line || ' is no row: ' || any_value(error_message) AS reason
FROM malformed GROUP BY scan_id, file_id, line, csv_line
UNION ALL

-- name: count_malformed
-- How many lines of a text file are no rows.
SELECT count(DISTINCT (scan_id, file_id, line)) FROM malformed;

-- name: keep_rejects
-- The rows left out become part of the store.
INSERT INTO rejected_bar (batch_id, file_row, given, reason)
SELECT $batch_id, file_row, given, reason FROM refused_given ORDER BY file_row;

-- name: tally
-- The rows taken, counted by interval, session and segment.
CREATE OR REPLACE TEMP TABLE tally AS
SELECT interval_id, session_date, segment, count(*) AS bar_count,
       count(*) FILTER (WHERE base_count = 1 AND expected_count = 1) AS complete_count, min(bar_start) AS first_start,
       max(later(bar_start, span_seconds)) AS last_end
FROM {taken}
GROUP BY ALL;

-- name: written
-- The bars a batch has just written.
(FROM bar WHERE batch_id = {batch_id} AND interval_id BETWEEN {first_id} AND {last_id} AND bar_start >= {first_start})

-- name: progress
-- How far each interval's rows reach, how far it had come and was derived before; and what accounts need: how far it is
-- complete now, and the first session of its range before and now.
CREATE OR REPLACE TEMP TABLE progress AS
SELECT f.*, d.symbol, d.calendar, d.kind, d.length, d.derived_through,
       d.complete_through AS old_through, greatest(f.last_end, coalesce(d.complete_through, beginning())) AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, least(d.first_session, f.first_date)) AS new_first
FROM (SELECT interval_id, min(first_start) AS first_start, max(last_end) AS last_end, min(session_date) AS first_date,
             max(session_date) AS last_date
      FROM tally GROUP BY interval_id) AS f
JOIN base_definition AS d USING (interval_id);

-- name: count_outside
-- How many of the rows taken lie in no session.
SELECT coalesce(sum(bar_count) FILTER (WHERE session_date IS NULL), 0)::BIGINT FROM tally;

-- name: reached
-- What the rows reach: whether they lie where bars may be already, are derived already, or lie beyond all bars so far; which
-- stretch of time the first are in; their first and last session, their first and last bar; and the symbols they are of.
SELECT count(*) FILTER (WHERE below_), count(*) FILTER (WHERE first_start <= derived_through),
       count(*) FILTER (WHERE old_through IS NULL OR last_end > old_through),
       min(first_start) FILTER (WHERE below_), max(last_end) FILTER (WHERE below_),
       min(first_date), max(last_date), min(first_start), max(last_end), coalesce(list(symbol ORDER BY symbol), [])
FROM (SELECT *, first_start < old_through AS below_ FROM progress);

-- name: resent
-- The sessions the rows belong to, each to be replaced whole; null where rows are in none.
CREATE OR REPLACE TEMP TABLE resent AS
SELECT DISTINCT interval_id, session_date FROM tally;

-- name: spared
-- A re-sent session does not take away bars of no session, nor those that a refused row stood for.
AND b.session_date IS NOT NULL AND NOT EXISTS (SELECT 1 FROM staged AS s
                WHERE s.reason IS NOT NULL AND s.interval_id = b.interval_id AND s.bar_start = b.bar_start)

-- name: resent_place
-- The stretch of time that those sessions and the rows take up.
SELECT min(start_), max(end_)
FROM (SELECT first_start AS start_, last_end AS end_ FROM progress
      UNION ALL
      SELECT s.session_open, later(s.session_close, d.closing_seconds + 1)
      FROM resent AS r JOIN definition AS d USING (interval_id)
      JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = r.session_date);

-- name: symbols_reached
-- The symbols of the intervals that go on.
SELECT s.symbol
FROM progress AS p JOIN interval_definition AS d USING (interval_id) JOIN symbol AS s USING (symbol_id)
ORDER BY s.symbol;

-- name: look_ahead_anew
-- Intervals that are derived nowhere yet begin with the first session: bars may have come before it.
UPDATE interval_definition SET next_close = NULL
WHERE derived AND derived_through IS NULL
  AND symbol_id IN (SELECT symbol_id FROM interval_definition WHERE interval_id IN (SELECT interval_id FROM progress));

-- name: deleting
-- The range of a symbol's base bars that is to go.
CREATE OR REPLACE TEMP TABLE deleting AS
SELECT interval_id, coalesce($start::TIMESTAMPTZ, beginning()) AS from_,
       coalesce($end::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ) AS to_
FROM definition WHERE symbol = $symbol AND NOT derived;

-- name: deleting_place
-- Where the bars of that range are; null when there is none.
SELECT any_value(b.interval_id), min(b.bar_start), max(later(b.bar_start, b.span_seconds))
FROM bar AS b JOIN deleting AS d ON d.interval_id = b.interval_id AND b.bar_start >= d.from_ AND b.bar_start < d.to_;

-- name: rewind
-- A base interval is complete through the last bar it has left, and no further; but not back into what was purged.
UPDATE interval_definition SET complete_through = (
    SELECT greatest(max(later(b.bar_start, b.span_seconds)), retained_from) FROM bar AS b
    WHERE b.interval_id = $interval_id)
WHERE interval_id = $interval_id;

-- name: ending
-- The base intervals that a session's end moves on: complete through its last close, a closing bar included.
CREATE OR REPLACE TEMP TABLE progress AS
SELECT d.interval_id, d.calendar, d.kind, d.length,
       d.complete_through AS old_through, later(s.session_close, d.closing_seconds) AS new_through,
       d.first_session AS old_first, coalesce(d.account_from, d.first_session) AS new_first
FROM definition AS d
JOIN calendar_session AS s ON s.calendar = d.calendar AND s.session_date = $session_date::DATE
WHERE NOT d.derived AND ($symbols IS NULL OR list_contains($symbols::VARCHAR[], d.symbol))
  AND d.complete_through < later(s.session_close, d.closing_seconds);

-- name: note_files
-- The files that were loaded, and what was asked of them.
INSERT INTO source_file (path, size_bytes, modified_at, fingerprint, request, batch_id, outcome, read_with)
SELECT path, size_bytes, modified_at, fingerprint, $request, $batch_id, $outcome, $read_with FROM loaded_file;

-- name: recall
-- The newest load of this very file for which the same was asked and nothing refused, unless a batch since then may
-- have changed where its rows belong or taken bars away. Loads that write where its bars lie are looked for by
-- changed_since.
SELECT f.batch_id, f.outcome, f.read_with
FROM source_file AS f
JOIN loaded_file AS l ON l.path = f.path AND l.fingerprint = f.fingerprint AND l.size_bytes = f.size_bytes
WHERE f.request = $request AND starts_with(f.read_with, $programs)
  AND NOT EXISTS (SELECT 1 FROM batch AS b WHERE b.batch_id > f.batch_id AND b.kind NOT IN ('load', 'process'))
ORDER BY f.batch_id DESC
LIMIT 1;

-- name: changed_since
-- Whether, after a batch, bars of some symbols between two instants were written or replaced; also true when there are
-- fewer than there were, or not every symbol is there any more.
WITH reached AS MATERIALIZED (
    SELECT interval_id FROM definition
    WHERE NOT derived AND interval = $interval AND list_contains($symbols::VARCHAR[], symbol)
)
SELECT (SELECT count(*) FROM reached) <> len($symbols::VARCHAR[])
    OR (SELECT count(*) < $bar_count OR max(batch_id) > $batch_id FROM bar
        WHERE bar_start >= $first_bar::TIMESTAMPTZ AND bar_start < $last_bar_end::TIMESTAMPTZ
          AND interval_id IN (FROM reached))
    OR EXISTS (SELECT 1 FROM bar_revision
               WHERE bar_start >= $first_bar::TIMESTAMPTZ AND bar_start < $last_bar_end::TIMESTAMPTZ
                 AND replaced_by > $batch_id AND interval_id IN (FROM reached));
