-- router.return_postponed: events that were postponed and are due again become as if new: claimed with others.
-- webhook_queue_due_at_idx serves it.
-- returns  how many
WITH due AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.due_at <= now() AND q.is_postponed
    ORDER BY q.due_at
    FOR UPDATE SKIP LOCKED),
returned AS (
    UPDATE webhook_queue AS q SET due_at = NULL, is_postponed = false
    WHERE q.id = ANY (ARRAY(SELECT d.id FROM due AS d))
    RETURNING q.id)
SELECT count(*) FROM returned;
