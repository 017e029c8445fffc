-- router.begin_due_attempt: router.begin_attempt for the event whose next attempt has been due longest. webhook_queue_due_at_idx serves it.
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.due_at <= now()
    ORDER BY q.due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
UPDATE webhook_queue AS q
SET attempts = q.attempts + 1, is_postponed = false, due_at = clock_timestamp() + 2 ^ least(q.attempts + 1, 6) * interval '1 second'
WHERE q.id = (SELECT n.id FROM next AS n)
RETURNING q.id, q.attempts;
