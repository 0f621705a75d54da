-- Corporate actions: from the rows of a source to actions that are judged.

-- name: symbols_of
-- The active symbols of these names, with the calendar that each follows.
-- gives: symbol, symbol_id, calendar
-- reads: symbol
SELECT symbol, symbol_id, calendar FROM symbol
WHERE removed_at IS NULL AND list_contains($symbols::VARCHAR[], symbol);

-- name: action_rows
-- The rows of a source by their parts: what each says, as text, and the date that its ex-date is. A ratio may be written
-- 4:1, 4/1 or 4-for-1, an amount with the sign of dollars.
-- makes: action_rows(file_row, symbol_given, date_given, ex_date, kind_given, kind, ratio_given, ratio, amount_given,
-- amount, currency, unsaid, special)
-- takes: rows: any
CREATE OR REPLACE TEMP TABLE {action_rows} AS
WITH given AS (
    SELECT row_number() OVER () AS file_row, {symbol} AS symbol_given, {date_given} AS date_given, {ex_date} AS ex_date,
           {kind} AS kind_given, {ratio} AS ratio_given, {ratio_to} AS ratio_to, {ratio_from} AS ratio_from,
           {amount} AS amount_given, {currency} AS currency, {special} AS special
    FROM {rows}
),
words AS (
    SELECT *, trim(regexp_replace(lower(kind_given), '[^a-z]+', '_', 'g'), '_') AS word,
           regexp_extract(lower(ratio_given), '^([0-9.]+) *(?::|/|-? *for *-?) *([0-9.]+)$', ['to_', 'from_']) AS fraction
    FROM given
)
SELECT file_row, symbol_given, date_given, ex_date, kind_given,
       CASE WHEN kind_given IS NOT NULL THEN list_extract($kinds::VARCHAR[], list_position($words::VARCHAR[], word)) END
           AS kind,
       coalesce(ratio_given, ratio_to || ':' || ratio_from, ratio_to, ratio_from) AS ratio_given,
       CASE WHEN ratio_to IS NOT NULL OR ratio_from IS NOT NULL
            THEN TRY_CAST(ratio_to AS DOUBLE) / TRY_CAST(ratio_from AS DOUBLE)
            WHEN fraction.to_ <> '' THEN TRY_CAST(fraction.to_ AS DOUBLE) / TRY_CAST(fraction.from_ AS DOUBLE)
            ELSE TRY_CAST(ratio_given AS DOUBLE) END AS ratio,
       amount_given, TRY_CAST(ltrim(amount_given, '$') AS DOUBLE) AS amount, upper(currency) AS currency,
       {has_special} AND special IS NULL AS unsaid,
       coalesce(TRY_CAST(lower(special) AS BOOLEAN), false) AS special
FROM words;

-- name: actions_in_rows
-- The actions that rows stand for: the one that a row names, or a split and a dividend in cash, as far as it has them. A
-- row without either has a kind of '', and stands for none. Amounts that were divided by later splits are as they were
-- paid, to a millionth.
-- makes: said_actions(file_row, symbol_given, date_given, ex_date, kind_given, kind, value_given, value, currency)
-- takes: action_rows
CREATE OR REPLACE TEMP TABLE {said_actions} AS
WITH undivided AS (
    SELECT a.* EXCLUDE (amount),
           CASE WHEN $divided AND a.amount <> 0
                THEN round(a.amount * coalesce(
                    (SELECT product(s.ratio) FROM {action_rows} AS s
                     WHERE s.ratio > 0 AND s.ex_date > a.ex_date AND s.symbol_given IS NOT DISTINCT FROM a.symbol_given), 1),
                    6)
                ELSE a.amount END AS amount
    FROM {action_rows} AS a
),
told AS (
    SELECT file_row, symbol_given, date_given, ex_date, kind_given, currency, unsaid, special, kind,
           kind IN ('split', 'stock_dividend') AS has_ratio, ratio_given, ratio, amount_given, amount
    FROM undivided
),
said AS (
    SELECT file_row, symbol_given, date_given, ex_date, kind_given, kind,
           CASE WHEN NOT has_ratio OR (kind = 'stock_dividend' AND ratio_given IS NULL) THEN amount_given
                ELSE ratio_given END AS value_given,
           CASE WHEN NOT has_ratio OR (kind = 'stock_dividend' AND ratio_given IS NULL) THEN amount
                ELSE ratio END AS value,
           currency
    FROM told WHERE kind IS NOT NULL
    UNION ALL
    SELECT file_row, symbol_given, date_given, ex_date, kind_given, 'split', ratio_given, ratio, currency
    FROM told WHERE kind_given IS NULL AND ratio_given IS NOT NULL AND ratio IS DISTINCT FROM 0
    UNION ALL
    SELECT file_row, symbol_given, date_given, ex_date, kind_given,
           CASE WHEN unsaid THEN NULL WHEN special THEN 'special_dividend' ELSE 'cash_dividend' END,
           amount_given, amount, currency
    FROM told WHERE kind_given IS NULL AND amount_given IS NOT NULL AND amount IS DISTINCT FROM 0
    UNION ALL
    SELECT file_row, symbol_given, date_given, ex_date, kind_given, NULL, NULL, NULL, currency
    FROM told WHERE kind_given IS NOT NULL AND kind IS NULL
)
FROM said
UNION ALL
SELECT file_row, symbol_given, date_given, ex_date, kind_given, '', NULL, NULL, NULL
FROM told SEMI JOIN (SELECT file_row FROM told EXCEPT SELECT file_row FROM said) USING (file_row);

-- name: judged_actions
-- The actions with whose they are, and the reason why one cannot be taken: the first that holds. Those that stand for
-- none have an empty one. Of several of one kind, symbol and ex-date the last that can be taken counts.
-- makes: judged_actions(file_row, symbol_id, ex_date, kind, ratio, amount, currency, reason, repeated)
-- takes: said_actions, action_symbols
-- reads: trading_calendar, trading_session
CREATE OR REPLACE TEMP TABLE {judged_actions} AS
WITH placed AS (
    SELECT s.*, y.symbol_id, y.calendar, y.refusal, y.skipped,
           s.ex_date BETWEEN c.known_from AND c.known_through AND t.session_date IS NULL AS beside
    FROM {said_actions} AS s
    LEFT JOIN {action_symbols} AS y ON y.symbol_given IS NOT DISTINCT FROM s.symbol_given
         AND coalesce(s.ex_date >= y.named_from, y.named_from IS NULL OR y.named_to IS NULL)
         AND coalesce(s.ex_date < y.named_to, y.named_to IS NULL)
    LEFT JOIN trading_calendar AS c ON c.calendar = y.calendar
    LEFT JOIN (SELECT DISTINCT calendar, session_date FROM trading_session WHERE replaced_by IS NULL) AS t
           ON t.calendar = y.calendar AND t.session_date = s.ex_date
),
judged AS (
    SELECT *, CASE
        WHEN kind = '' OR skipped THEN ''
        WHEN refusal IS NOT NULL THEN refusal
        WHEN symbol_id IS NULL THEN 'the symbol is missing'
        WHEN date_given IS NULL THEN 'the ex-date is missing'
        WHEN ex_date IS NULL THEN 'the ex-date cannot be read'
        WHEN ex_date < DATE '1900-01-01' THEN 'the ex-date lies before 1900'
        WHEN ex_date > $last_date::DATE THEN 'the ex-date lies more than two years ahead'
        WHEN beside THEN 'no session of ' || calendar || ' is on the ex-date'
        WHEN kind IS NULL AND kind_given IS NULL THEN 'nothing says what kind of action it is'
        WHEN kind IS NULL THEN 'the kind of action is not known'
        WHEN value_given IS NULL THEN
            CASE WHEN kind IN ('split', 'stock_dividend') THEN 'the ratio is missing' ELSE 'the amount is missing' END
        WHEN value IS NULL OR NOT isfinite(value) THEN
            CASE WHEN kind IN ('split', 'stock_dividend') THEN 'the ratio cannot be read' ELSE 'the amount cannot be read' END
        WHEN kind = 'split' AND (value < 1e-6 OR value > 1e6) THEN 'the ratio lies outside of 1:1000000 and 1000000:1'
        WHEN kind = 'split' AND value = 1 THEN 'a ratio of 1:1 splits nothing'
        WHEN kind = 'stock_dividend' AND (value <= 0 OR value > 1e6) THEN 'the ratio is not above 0, or above 1000000'
        WHEN value <= 0 THEN 'the amount is not above 0'
        WHEN value > 1e12 THEN 'the amount is above 1e12' END AS reason
    FROM placed
),
ordered AS (
    SELECT *, last_value(value) OVER one_action AS last_value_, last_value(file_row) OVER one_action AS last_row
    FROM judged
    WINDOW one_action AS (PARTITION BY symbol_id, ex_date, kind, reason IS NULL ORDER BY file_row
                          ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT file_row, symbol_id, ex_date, kind, CASE WHEN kind IN ('split', 'stock_dividend') THEN value END AS ratio,
       CASE WHEN kind NOT IN ('split', 'stock_dividend') THEN value END AS amount,
       CASE WHEN kind NOT IN ('split', 'stock_dividend') THEN currency END AS currency,
       CASE WHEN reason IS NULL AND value <> last_value_
            THEN 'a later row of the source has another value for this action' ELSE reason END AS reason,
       reason IS NULL AND value = last_value_ AND file_row < last_row AS repeated
FROM ordered;

-- name: counted_actions
-- How many actions there are, how many of them say again what a later row says, and whose they are.
-- gives: action_count, repeated_count, symbols, first_date, last_date
-- takes: judged_actions
-- reads: symbol
SELECT count(*) FILTER (WHERE j.reason IS DISTINCT FROM '') AS action_count,
       count(*) FILTER (WHERE j.repeated) AS repeated_count,
       coalesce(list(DISTINCT s.symbol ORDER BY s.symbol) FILTER (WHERE j.reason IS NULL), []) AS symbols,
       min(j.ex_date) FILTER (WHERE j.reason IS NULL) AS first_date,
       max(j.ex_date) FILTER (WHERE j.reason IS NULL) AS last_date
FROM {judged_actions} AS j LEFT JOIN symbol AS s USING (symbol_id);

-- name: actions_taken
-- Those that can be taken, each once. A source that says no currency leaves what is there.
-- makes: wanted_actions(symbol_id, ex_date, kind, ratio, amount, currency)
-- takes: judged_actions
-- reads: corporate_action
CREATE OR REPLACE TEMP TABLE {wanted_actions} AS
SELECT j.symbol_id, j.ex_date, j.kind, j.ratio, j.amount, coalesce(j.currency, a.currency) AS currency
FROM {judged_actions} AS j
LEFT JOIN corporate_action AS a USING (symbol_id, ex_date, kind)
WHERE j.reason IS NULL AND NOT j.repeated;
