-- maintenance.erase_waiting: what waits to be sent to the person is taken back. What a claim has locked just now is being sent, and
-- what somebody else has locked stays for the next round. erase_go_on.sql comes after it in the same transaction.
-- $1 addresses text[]  $2 last seq bigint
-- returns  tenant ids and recipients of what was taken back
WITH act AS MATERIALIZED (
    SELECT set_config('pgcourier.act', 'erase', true) AS act),
waiting AS MATERIALIZED (
    SELECT q.seq
    FROM tenants AS t
    CROSS JOIN unnest($1::text[]) AS a (address)
    JOIN outbox_queue AS q ON q.tenant_id = t.id AND q.recipient = a.address
    JOIN messages_out AS m ON m.seq BETWEEN q.seq AND q.seq
    WHERE q.seq <= $2::bigint
    ORDER BY q.seq
    FOR UPDATE OF q SKIP LOCKED FOR NO KEY UPDATE OF m SKIP LOCKED),
dequeued AS (
    DELETE FROM outbox_queue AS q USING waiting AS w WHERE q.seq = w.seq
    RETURNING q.seq, q.tenant_id, q.recipient),
canceled AS (
    UPDATE messages_out AS m
    SET status = 'canceled', next_attempt_at = NULL, held_reason = NULL, last_error = 'canceled: its recipient was erased',
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM dequeued AS d, act AS a
    WHERE m.seq = d.seq AND m.status IN ('pending', 'failed') AND a.act = 'erase'
    RETURNING m.id, m.seq, m.tenant_id, m.correlation_id),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT c.tenant_id, 'message_canceled', 'message_out', c.id, c.correlation_id, 'operator', '{"reason": "its recipient was erased"}'
    FROM canceled AS c ORDER BY c.seq)
SELECT d.tenant_id, d.recipient FROM dequeued AS d ORDER BY d.seq;
