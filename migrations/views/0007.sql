-- What schema 0007 changes of the views and macros of 0006.

-- view: actions
-- Every corporate action that is known of active symbols: splits, and dividends in cash and in shares.
CREATE VIEW actions AS
SELECT s.symbol, a.ex_date, a.kind, a.ratio, a.amount, a.currency, a.batch_id
FROM corporate_action AS a
JOIN symbol AS s USING (symbol_id);

-- view: action_revisions
-- The values of corporate actions that were overwritten or deleted, when they were written, and when and by what they went.
CREATE VIEW action_revisions AS
SELECT s.symbol, r.ex_date, r.kind, r.ratio, r.amount, r.currency, r.batch_id, written.committed_at AS written_at,
       r.replaced_by, replacing.committed_at AS replaced_at, replacing.kind AS replaced_kind
FROM corporate_action_revision AS r
JOIN symbol AS s USING (symbol_id)
JOIN batch AS written ON written.batch_id = r.batch_id
JOIN batch AS replacing ON replacing.batch_id = r.replaced_by;
