-- router.give_back_attempt: an attempt that ended because the database went away does not count. It stays an event to be
-- tried alone. Nothing when it was routed all the same.
-- $1 event id bigint  $2 attempts, this one included smallint
UPDATE webhook_queue AS q
SET attempts = q.attempts - 1, due_at = clock_timestamp()
WHERE q.id = $1::bigint AND q.attempts = $2::smallint;
