-- Events that are not taken.

-- name: add_rejected_events
-- What a feed sent and is not taken.
-- writes: rejected_bar
-- takes: rejected_event
INSERT INTO rejected_bar (batch_id, file_row, given, reason)
SELECT $batch_id, NULL, given, reason FROM {rejected_event};
