-- The lake: the tables that shards publish into, and the views that a store has, of all shards together. A table has the
-- columns of a store's view, and which shard a row is of. Of bars also when they were written, so that the past is a filter.

-- name: define_version
-- Which form of the lake this is.
-- part: statement
CREATE TABLE lake.version (version INTEGER);

-- name: define_shard
-- The shards with the symbols they hold, from first_symbol on and before end_symbol (null: no bound). A shard that was
-- divided is two from then on: one under its own number, whose row is another, and a new one.
-- part: statement
CREATE TABLE lake.shard (shard INTEGER, first_symbol VARCHAR, end_symbol VARCHAR, case_sensitive BOOLEAN);

-- name: define_generation
-- The files that stores of shards have been, each as it was published; of a shard the greatest counts.
-- part: statement
CREATE TABLE lake.generation (
    shard INTEGER, generation INTEGER, file VARCHAR, size_bytes BIGINT, digest VARCHAR, batch_id BIGINT,
    bar_count BIGINT, revision_count BIGINT, published_at TIMESTAMPTZ
);

-- name: define_bar
-- Bars, base and derived.
-- part: statement
CREATE TABLE lake.bar (
    shard INTEGER, symbol VARCHAR, interval VARCHAR, bar_start TIMESTAMPTZ, bar_end TIMESTAMPTZ, session_date DATE,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE, trade_count BIGINT, vwap DOUBLE,
    base_count INTEGER, expected_count INTEGER, complete BOOLEAN, batch_id BIGINT, written_at TIMESTAMPTZ
);

-- name: define_revision
-- Values that were overwritten or deleted.
-- part: statement
CREATE TABLE lake.revision (
    shard INTEGER, symbol VARCHAR, interval VARCHAR, bar_start TIMESTAMPTZ, bar_end TIMESTAMPTZ, session_date DATE,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE, trade_count BIGINT, vwap DOUBLE,
    base_count INTEGER, expected_count INTEGER, batch_id BIGINT, written_at TIMESTAMPTZ, replaced_by BIGINT,
    replaced_at TIMESTAMPTZ, replaced_kind VARCHAR
);

-- name: define_session_coverage
-- How many bars each session should have and has.
-- part: statement
CREATE TABLE lake.session_coverage (
    shard INTEGER, symbol VARCHAR, interval VARCHAR, session_date DATE, expected_count INTEGER, present_count INTEGER,
    quality_pct DOUBLE
);

-- name: define_gap
-- Runs of expected bars that are missing.
-- part: statement
CREATE TABLE lake.gap (
    shard INTEGER, symbol VARCHAR, interval VARCHAR, session_date DATE, gap_start TIMESTAMPTZ, gap_end TIMESTAMPTZ,
    missing_count INTEGER, kind VARCHAR
);

-- name: define_interval_state
-- Every interval of every active symbol.
-- part: statement
CREATE TABLE lake.interval_state (
    shard INTEGER, symbol VARCHAR, interval VARCHAR, derived BOOLEAN, base VARCHAR, calendar VARCHAR,
    first_bar TIMESTAMPTZ, last_bar TIMESTAMPTZ, bar_count BIGINT, complete_through TIMESTAMPTZ,
    derived_through TIMESTAMPTZ, needs_processing BOOLEAN, quality_pct DOUBLE, gap_count BIGINT, updated BOOLEAN
);

-- name: define_batch
-- Every committed write of every shard.
-- part: statement
CREATE TABLE lake.batch (
    shard INTEGER, batch_id BIGINT, kind VARCHAR, source VARCHAR, started_at TIMESTAMPTZ, committed_at TIMESTAMPTZ,
    inserted BIGINT, revised BIGINT, unchanged BIGINT, rejected BIGINT, deleted BIGINT, vendor VARCHAR, reverts BIGINT
);

-- name: define_rejected_row
-- Rows that loads did not take.
-- part: statement
CREATE TABLE lake.rejected_row (
    shard INTEGER, batch_id BIGINT, source VARCHAR, committed_at TIMESTAMPTZ, file_row BIGINT, given VARCHAR,
    reason VARCHAR
);

-- name: define_run
-- Runs of coordinators.
-- part: statement
CREATE TABLE lake.run (
    shard INTEGER, run_id BIGINT, mode VARCHAR, name VARCHAR, state VARCHAR, cursor TIMESTAMPTZ, pid BIGINT,
    started_at TIMESTAMPTZ, updated_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, error VARCHAR
);

-- name: define_retained
-- Intervals whose oldest bars are gone or final.
-- part: statement
CREATE TABLE lake.retained (
    shard INTEGER, symbol VARCHAR, interval VARCHAR, retained_from TIMESTAMPTZ, final_before TIMESTAMPTZ,
    purged_before TIMESTAMPTZ, purged_at TIMESTAMPTZ
);

-- name: define_kept_revisions
-- Since when a shard keeps all revisions; no row: since ever.
-- part: statement
CREATE TABLE lake.kept_revisions (shard INTEGER, kept_from TIMESTAMPTZ, purged_at TIMESTAMPTZ);

-- name: divide_bar
-- Have files of bars hold those of one shard.
-- part: statement
ALTER TABLE lake.bar SET PARTITIONED BY (shard);

-- name: divide_revision
-- Have files of revisions hold those of one shard.
-- part: statement
ALTER TABLE lake.revision SET PARTITIONED BY (shard);
