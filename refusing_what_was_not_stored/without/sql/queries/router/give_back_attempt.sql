-- router.give_back_attempt: an attempt that ended because the database went away, or because somebody had a row locked, does not
-- count. Nothing when it was routed all the same.
-- $1 event id bigint  $2 attempts, this one included smallint  $3 ms until it is due again bigint  $4 whether it may then be
-- claimed with others boolean
UPDATE webhook_queue AS q
SET attempts = q.attempts - 1, due_at = clock_timestamp() + $3::bigint * interval '1 ms', is_postponed = $4::boolean
WHERE q.id = $1::bigint AND q.attempts = $2::smallint;
