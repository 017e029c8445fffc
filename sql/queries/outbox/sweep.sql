-- outbox.sweep: messages whose lease has ended without an outcome become unknown, never pending: whoever had them may
-- have sent them. Serves from outbox_leases_expires_at_idx. The message is locked before its lease, as settle.sql does.
-- $1 limit integer  $2 how many of the first to pass over integer
-- returns  the ids
WITH expired AS MATERIALIZED (
    SELECT m.id, l.tenant_id, l.recipient, l.token, l.seq
    FROM outbox_leases AS l
    JOIN messages_out AS m ON m.id BETWEEN l.message_id AND l.message_id
    WHERE l.unknown_since IS NULL AND l.expires_at <= now()
    ORDER BY l.seq
    LIMIT $1::integer OFFSET $2::integer
    FOR NO KEY UPDATE OF m SKIP LOCKED),
ended AS (
    UPDATE outbox_leases AS l SET unknown_since = clock_timestamp()
    FROM expired AS e
    WHERE l.tenant_id = ANY (ARRAY[e.tenant_id]) AND l.recipient BETWEEN e.recipient AND e.recipient AND l.token = e.token
      -- Once more, now that its message is locked. (IS NULL would let the whole of that index stand in for the key.)
      AND coalesce(l.unknown_since, 'infinity') = 'infinity' AND l.expires_at <= clock_timestamp()
    RETURNING e.id, e.token, l.attempt),
unknown AS (
    UPDATE messages_out AS m
    SET status = 'unknown', last_error = 'whoever was sending it did not say what became of it',
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM ended AS e
    WHERE m.id BETWEEN e.id AND e.id AND m.lease_token = e.token AND m.status = 'sending'
    RETURNING m.id, m.seq, m.tenant_id, m.correlation_id, m.attempts, m.last_error),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT u.tenant_id, 'message_outcome_unknown', 'message_out', u.id, u.correlation_id, 'system',
           jsonb_build_object('attempt', u.attempts, 'reason', u.last_error)
    FROM unknown AS u ORDER BY u.seq)
SELECT u.id FROM unknown AS u ORDER BY u.seq;
