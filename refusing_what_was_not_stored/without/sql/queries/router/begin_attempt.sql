-- router.begin_attempt: count an attempt at routing one event alone, before it is made: an event that kills the process is
-- then counted too. Until due_at it is nobody else's.
-- $1 event id bigint
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id = $1::bigint AND (q.due_at IS NULL OR q.due_at <= now())
    FOR UPDATE SKIP LOCKED)
UPDATE webhook_queue AS q
SET attempts = q.attempts + 1, is_postponed = false, due_at = clock_timestamp() + 2 ^ least(q.attempts + 1, 6) * interval '1 second'
WHERE q.id = (SELECT n.id FROM next AS n)
RETURNING q.id, q.attempts;
