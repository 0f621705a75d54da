-- Judging rows: each is a bar with its place in a session, or has a reason why it is none.

-- name: infer_occurrence
-- Which pass through the repeated hour an ambiguous stamp belongs to: the second, once the clock has gone back
-- between one row of the symbol and the next. In a source that runs backwards the passes come the other way round.
-- makes: inferred_occurrences(file_row, occurrence)
-- takes: zone_pieces
CREATE OR REPLACE TEMP TABLE {inferred_occurrences} AS
WITH ordered AS (
    SELECT file_row, nfc_normalize(trim(symbol_given)) AS symbol_given, local, instant_given FROM {canonical_rows}
),
direction AS (
    SELECT symbol_given, arg_min(local, file_row) > arg_max(local, file_row) AS backwards
    FROM ordered GROUP BY symbol_given
),
repeated AS (
    SELECT r.file_row, r.symbol_given, r.local, z.local_from,
           CASE WHEN d.backwards THEN -r.file_row ELSE r.file_row END AS position
    FROM ordered AS r
    JOIN {zone_pieces} AS z ON z.local_day = r.local::DATE - DATE '1970-01-01'
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

-- name: with_occurrences
-- Rows with what was inferred about repeated hours.
-- part: rows
-- takes: inferred_occurrences
(SELECT r.*, i.occurrence AS inferred_occurrence FROM {canonical_rows} AS r
 LEFT JOIN {inferred_occurrences} AS i USING (file_row))

-- name: join_zone_pieces
-- Local stamps find how far their zone is from UTC.
-- part: join
-- takes: zone_pieces
LEFT JOIN {zone_pieces} AS z ON z.local_day = r.local::DATE - DATE '1970-01-01'
                         AND r.local >= z.local_from AND r.local < z.local_to
                         AND r.instant_given IS NULL AND {occurrence}

-- name: stamp_of_zone
-- The instant of a stamp: as given, or by its zone. Local times so far off that no zone was asked for are decided as
-- if they were UTC: they are refused in any case, for lying in the future or before every calendar.
-- part: expression
coalesce(r.instant_given, instant(epoch_us(r.local) - z.offset_seconds * 1000000),
         CASE WHEN r.local < DATE {first_local} OR r.local >= DATE {last_local} + 1
              THEN instant(epoch_us(r.local)) END)

-- name: stamp_as_given
-- The instant of a stamp that needs no zone.
-- part: expression
r.instant_given

-- name: occurrence_of_first
-- Of a time that the clock shows twice, the first pass.
-- part: condition
z.occurrence < 2

-- name: occurrence_of_second
-- The second pass.
-- part: condition
z.occurrence <> 1

-- name: occurrence_of_infer
-- The pass that was inferred.
-- part: condition
(z.occurrence = 0 OR z.occurrence = coalesce(r.inferred_occurrence, 1))

-- name: ambiguous_of_reject
-- Whether a row cannot be taken for being shown twice, where such are rejected.
-- part: condition
coalesce(z.occurrence, 0) = 1

-- name: ambiguous_of_infer
-- The same, where the pass is inferred.
-- part: condition
coalesce(z.occurrence, 0) > 0 AND r.inferred_occurrence IS NULL

-- name: ambiguous_of_none
-- No row is ambiguous.
-- part: condition
false

-- name: symbol_as_given
-- Rows find their symbol by the spelling of the source.
-- part: condition
m.symbol_given = r.symbol_given

-- name: symbol_of_all
-- All rows are of one symbol.
-- part: condition
true

-- name: number_pieces
-- The same, numbered, so that each is found by one equality: a join that tries several rows for a key gives its rows
-- in another order than it takes them, and bars in order need no sorting.
-- makes: numbered_pieces(number, calendar, session_date, segment, closed_date, closed_segment, from_us, to_us, day)
-- takes: calendar_pieces
CREATE OR REPLACE TEMP TABLE {numbered_pieces} AS
SELECT row_number() OVER (ORDER BY calendar, day, from_us) AS number, * FROM {calendar_pieces};

-- name: calendar_days
-- For each UTC day its first piece, and where each ends.
-- makes: calendar_days(calendar, day, first_number, cuts)
-- takes: numbered_pieces
CREATE OR REPLACE TEMP TABLE {calendar_days} AS
SELECT calendar, day, min(number) AS first_number, list(to_us ORDER BY number) AS cuts
FROM {numbered_pieces} GROUP BY calendar, day;

-- name: count_day_parts
-- Into how many pieces a day is cut at most.
-- gives: part_count
-- takes: calendar_days
SELECT coalesce(max(len(cuts)), 1) AS part_count FROM {calendar_days};

-- name: count_two_grids
-- How many pieces between segments have another grid counted from the close before than back from the open after.
-- gives: piece_count
-- takes: calendar_pieces
SELECT count(*) AS piece_count FROM {calendar_pieces} WHERE segment IS NULL AND (to_us - from_us) % {width_us} <> 0;

-- name: join_pieces
-- The piece an instant lies in, for few rows.
-- part: join
-- takes: calendar_pieces
LEFT JOIN {calendar_pieces} AS p
       ON p.calendar = t.calendar AND p.day = day_number(t.stamp_us - {end_shift})
      AND t.stamp_us - {end_shift} >= p.from_us AND t.stamp_us - {end_shift} < p.to_us

-- name: join_numbered_pieces
-- The piece an instant lies in, for many rows: the day's first, and one more for each end that is past.
-- part: join
-- takes: calendar_days, numbered_pieces
LEFT JOIN (SELECT calendar, day, first_number, {ends} FROM {calendar_days}) AS d
       ON d.calendar = t.calendar AND d.day = day_number(t.stamp_us - {end_shift})
LEFT JOIN {numbered_pieces} AS p ON p.number = d.first_number + {past} AND t.stamp_us - {end_shift} >= p.from_us

-- name: end_of_part
-- Where a part of a day ends; far off where it has fewer.
-- part: expression
coalesce(cuts[{part}], 9223372036854775807) AS end_{part}

-- name: part_is_past
-- One for a part that ends before a stamp.
-- part: expression
(t.stamp_us - {end_shift} >= d.end_{part})::INTEGER

-- name: session_names
-- What may stand for a session or a block of them in a source of bars of 1d and longer: an instant, its edge, and dates.
-- makes: session_names(calendar, first_date, block_open, block_close, edge, named_date)
-- takes: symbol_map
-- reads: calendar_block
CREATE OR REPLACE TEMP TABLE {session_names} AS
SELECT DISTINCT calendar, first_date, block_open, block_close, {edge} AS edge, unnest({dates}) AS named_date
FROM calendar_block
WHERE unit = $unit AND length = $length AND base_unit = $unit AND base_length = $length
  AND calendar IN (SELECT calendar FROM {symbol_map});

-- name: edge_at_start
-- A block of sessions that is labelled by its start.
-- part: expression
block_open

-- name: edge_at_end
-- A block of sessions that is labelled by its end.
-- part: expression
block_close

-- name: dates_at_start
-- The date of the first session, and the one that the block begins on (a week's first day, a month's first).
-- part: expression
[first_date, begins_on]

-- name: dates_at_end
-- The dates at whose midnight the last session is over, and the whole block (the first day of the next week or month).
-- part: expression
[last_date + 1, ends_on + 1]

-- name: judged_rows
-- Every row as a bar: where it lies, and why it cannot be taken, if it cannot. The first reason that holds counts.
-- part: judged_rows(file_row, interval_id, bar_start, span_seconds, session_date, segment, open, high, low,
-- close, volume, trade_count, vwap, declared, base_count, expected_count, widened, stray, reason)
-- takes: symbol_map
(WITH timed AS (
    SELECT {rows}, m.interval_id, m.calendar, m.includes_closing_bar, m.retained_from, m.refusal, m.named_from, m.named_to,
           m.home,
           CASE WHEN r.local = date_trunc('day', r.local) THEN r.local::DATE END AS named_date,
           {stamp} AS stamp, {ambiguous} AS ambiguous
    FROM {canonical_rows} AS r
    LEFT JOIN {symbol_map} AS m ON {symbol_match}
    {zoned}
),
{placed}
SELECT file_row, interval_id, bar_start, span_seconds, session_date, segment,
       open, CASE WHEN within THEN high ELSE greatest(open, high, low, close) END AS high,
       CASE WHEN within THEN low ELSE least(open, high, low, close) END AS low, close, volume, trade_count, vwap, {declared} AS declared,
       base_count,
       expected_count, NOT within AS widened, stray,
       CASE WHEN {is_valid} THEN NULL
            WHEN {is_empty} THEN ''
            WHEN refusal IS NOT NULL THEN refusal
            WHEN interval_id IS NULL THEN 'the symbol is missing'
            WHEN local IS NULL AND instant_given IS NULL THEN 'the stamp cannot be read'
            WHEN unplaceable THEN 'no such local time: the clock skips it'
            WHEN ambiguous THEN 'ambiguous local time: the clock shows it twice; the option ambiguous says which is meant'
            WHEN misread IS NOT NULL THEN misread
            WHEN open IS NULL THEN 'open is missing'
            WHEN high IS NULL THEN 'high is missing'
            WHEN low IS NULL THEN 'low is missing'
            WHEN close IS NULL THEN 'close is missing'
            WHEN volume IS NULL THEN 'volume is missing'
            WHEN NOT (isfinite(open) AND isfinite(high) AND isfinite(low) AND isfinite(close)
                      AND isfinite(volume)) THEN 'a price or the volume is not finite'
            WHEN low - high > {rounding} * abs(high) THEN 'high is below low'
            WHEN open - high > {rounding} * abs(high) OR low - open > {rounding} * abs(low)
            THEN 'open is outside [low, high]'
            WHEN close - high > {rounding} * abs(high) OR low - close > {rounding} * abs(low)
            THEN 'close is outside [low, high]'
            WHEN volume < 0 THEN 'volume is negative'
            WHEN volume < 1e-6 AND abs(TRY_CAST(volume AS DECIMAL(38, 9))::DOUBLE - volume) > volume / 1000
            THEN 'volume is too small to be summed exactly'
            WHEN trade_count < 0 THEN 'trade_count is negative'
            WHEN (vwap IS NOT NULL AND greatest(abs(high), abs(low), abs(vwap)) * volume >= {turnover_limit})
              OR volume >= {volume_limit} OR trade_count >= {trade_count_limit}
            THEN 'price times volume is too large to be summed exactly'
            WHEN misplaced THEN {misplaced_reason}
            WHEN later(bar_start, span_seconds) > instant({latest_end_us}) THEN 'the bar has not ended yet'
            WHEN bar_start < retained_from
            THEN 'before retained_from: bars of that time were purged, and what was derived from them is final'
            WHEN known IS NOT TRUE THEN {beyond}
       END AS reason
FROM (SELECT * EXCLUDE (vwap), open BETWEEN low AND high AND close BETWEEN low AND high AS within,
             CASE WHEN {near} THEN vwap END AS vwap, coalesce(NOT {near}, false) AS stray
      FROM {placed_rows}))

-- name: placed_by_name
-- Of a row whose name means several symbols over time that of its session, or outside of all that of the date on the
-- calendar's clock; where no date is known that of today. All of these follow one calendar.
-- part: placed
(SELECT * FROM placed
 WHERE CASE WHEN coalesce(session_date, timezone(home, bar_start)::DATE) IS NULL THEN named_to IS NULL
            ELSE coalesce(coalesce(session_date, timezone(home, bar_start)::DATE) >= named_from, true)
                 AND coalesce(coalesce(session_date, timezone(home, bar_start)::DATE) < named_to, true) END)

-- name: placed_by_name_apart
-- The same where they follow several calendars, so that a row may have a date for none of them, or for two: then the
-- later symbol counts.
-- part: placed
(SELECT * FROM placed
 QUALIFY row_number() OVER (
     PARTITION BY file_row
     ORDER BY coalesce(coalesce(session_date, timezone(home, bar_start)::DATE) >= named_from, true)
              AND coalesce(coalesce(session_date, timezone(home, bar_start)::DATE) < named_to, true) DESC,
              named_from DESC NULLS LAST) = 1)

-- name: is_empty
-- Whether a row says nothing of a bar: no price, and neither volume nor trades. Such rows are counted, and no more.
-- part: condition
(misread IS NULL AND coalesce(isnan(open), true) AND coalesce(isnan(high), true) AND coalesce(isnan(low), true)
                 AND coalesce(isnan(close), true) AND coalesce(isnan(volume) OR volume = 0, true)
                 AND coalesce(trade_count, 0) = 0)

-- name: beyond_calendar
-- What is said of rows that a calendar does not reach.
-- part: expression
WHEN {calendar} THEN {reason}

-- name: beyond_calendars
-- The same, of each calendar that rows follow.
-- part: expression
CASE calendar {each} END

-- name: beyond_none
-- No row follows a calendar.
-- part: expression
NULL::VARCHAR

-- name: near
-- Whether a vwap can be the mean of prices between low and high, as vendors round it.
-- part: condition
(vwap BETWEEN low - 1e-4 * abs(low) AND high + 1e-4 * abs(high))

-- name: is_valid
-- Whether nothing is wrong with a row, asked first for nearly all are so; where it is not true the reasons are gone
-- through one by one. Prices that were multiplied
-- each by itself may pass each other in their last digits: high and low are widened to them. Comparisons alone would not
-- do: the statistics of a Parquet file leave NaN out, and DuckDB believes them.
-- part: condition
refusal IS NULL AND interval_id IS NOT NULL AND NOT unplaceable AND NOT ambiguous AND misread IS NULL
            AND isfinite(open + high + low + close + volume) AND within AND volume < {volume_limit}
            AND (volume >= 1e-6 OR abs(TRY_CAST(volume AS DECIMAL(38, 9))::DOUBLE - volume) <= volume / 1000)
            AND (vwap IS NULL OR greatest(high, -low, abs(vwap)) * volume < {turnover_limit})
            AND coalesce(trade_count, 0) BETWEEN 0 AND {trade_count_limit} - 1
            AND NOT misplaced AND later(bar_start, span_seconds) <= instant({latest_end_us})
            AND (retained_from IS NULL OR bar_start >= retained_from) AND known

-- name: placed_intraday
-- Where bars that are parts of a segment lie: on the grid of the segment; or outside every session, on a grid counted
-- from the close before or back from the open after. A stamp that labels the end is looked up just before it.
-- part: placed
found AS (
    SELECT t.*, p.day IS NOT NULL AS known, p.session_date AS in_date, p.segment AS in_segment,
           p.from_us, p.to_us, p.closed_date, p.closed_segment
    FROM (SELECT *, epoch_us(stamp) AS stamp_us FROM timed) AS t
    {join_pieces}
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
           CASE WHEN in_segment IS NULL
                THEN start_us < from_us OR start_us + {width_us} > to_us
                     OR ((start_us - from_us) % {width_us} <> 0 AND (to_us - start_us) % {width_us} <> 0)
                ELSE {off_grid} END AS misplaced,
           stamp IS NULL AS unplaceable
    FROM closing
)

-- name: start_stamped_at_start
-- Where a bar starts that is labelled by its start.
-- part: expression
stamp_us

-- name: start_stamped_at_end
-- Where a bar starts that is labelled by its end: inside a segment at the grid point before.
-- part: expression
CASE WHEN in_segment IS NULL THEN stamp_us - {width_us}
     ELSE from_us + (stamp_us - 1 - from_us) // {width_us} * {width_us} END

-- name: off_grid_stamped_at_start
-- Whether the start is no multiple of the width from the segment's open.
-- part: condition
(start_us - from_us) % {width_us} <> 0

-- name: off_grid_stamped_at_end
-- Whether no bar of the grid ends at the stamp.
-- part: condition
stamp_us <> least(start_us + {width_us}, to_us)

-- name: placed_sessions
-- Which session, or block of them, a bar of 1d or longer is: the one that its date names, or its instant. Where these
-- differ the first of them counts.
-- part: placed
-- takes: session_names
-- reads: trading_calendar
found AS (
    SELECT t.*, coalesce({first}.first_date, {second}.first_date) AS session_date,
           coalesce({first}.block_open, {second}.block_open) AS bar_start,
           coalesce({first}.block_close, {second}.block_close) AS block_close,
           coalesce(t.named_date, t.stamp::DATE) BETWEEN c.known_from AND c.known_through AS known
    FROM timed AS t
    LEFT JOIN trading_calendar AS c ON c.calendar = t.calendar
    LEFT JOIN {session_names} AS by_date ON by_date.calendar = t.calendar AND by_date.named_date = t.named_date
    LEFT JOIN (SELECT DISTINCT * EXCLUDE (named_date) FROM {session_names}) AS by_edge
           ON by_edge.calendar = t.calendar AND by_edge.edge = t.stamp
),
placed AS (
    SELECT * REPLACE (coalesce(bar_start, stamp, named_date::TIMESTAMPTZ) AS bar_start),
           coalesce((epoch_us(block_close) - epoch_us(bar_start)) // 1000000, 0) AS span_seconds,
           0 AS segment, 1 AS base_count, 1 AS expected_count, bar_start IS NULL AND known AS misplaced,
           stamp IS NULL AND named_date IS NULL AS unplaceable
    FROM found
)
