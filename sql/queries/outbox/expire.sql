-- outbox.expire: what still waits when its expires_at has come becomes expired, also while sending is paused and nothing
-- is claimed. Serves from outbox_queue_expires_at_idx. Rows that a claim has locked are left to it, and
-- messages that somebody else has locked for the next time. promote.sql comes after it in the same transaction.
-- $1 limit integer  $2 how many of the first to pass over integer
-- returns  tenant ids and recipients of the conversations that may go on
WITH act AS MATERIALIZED (
    SELECT set_config('pgcourier.act', 'expire', true) AS act),
late AS MATERIALIZED (
    SELECT q.ctid AS place
    FROM outbox_queue AS q
    JOIN messages_out AS m ON m.seq BETWEEN q.seq AND q.seq
    WHERE q.expires_at <= now()
    ORDER BY q.expires_at
    LIMIT $1::integer OFFSET $2::integer
    FOR UPDATE OF q SKIP LOCKED FOR NO KEY UPDATE OF m SKIP LOCKED),
dequeued AS (
    DELETE FROM outbox_queue AS q USING late AS l WHERE q.ctid = l.place
    RETURNING q.seq, q.tenant_id, q.recipient),
expired AS (
    UPDATE messages_out AS m
    SET status = 'expired', next_attempt_at = NULL, last_error = 'it was not sent by its expires_at',
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM dequeued AS d, act AS a
    WHERE m.seq BETWEEN d.seq AND d.seq AND m.status IN ('pending', 'failed') AND a.act = 'expire'
    RETURNING m.id, m.seq, m.tenant_id, m.correlation_id, m.attempts, m.expires_at),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT e.tenant_id, 'message_expired', 'message_out', e.id, e.correlation_id, 'system',
           jsonb_build_object('attempts', e.attempts, 'expires_at', e.expires_at)
    FROM expired AS e ORDER BY e.seq)
SELECT d.tenant_id, d.recipient FROM dequeued AS d ORDER BY d.seq;
