-- outbox.claim_take: the second half of a claim. Makes what was leased our messages in flight and gives all that is
-- needed to send them, in sending order. Its snapshot is taken after the leases are ours, so that it sees a STOP that was
-- committed before, and a message that another instance put back at its place while we were waiting for the lease.
-- Messages are found by seq, not by id: those that are sent together were inserted together, while their ids lie anywhere.
-- A message to someone who opted out becomes blocked here and is not returned.
-- $1 token text  $2 the number that a tenant without one sends from text, or NULL
WITH checked AS MATERIALIZED (
    SELECT q.seq, q.tenant_id, q.recipient, a.seq IS NOT NULL AS is_behind, o.id IS NOT NULL AS is_opted_out
    FROM unnest(current_setting('pgcourier.claimed')::bigint[]) AS c (seq)
    JOIN outbox_queue AS q ON q.seq = c.seq
    LEFT JOIN LATERAL (
        SELECT h.seq FROM outbox_queue AS h
        WHERE h.tenant_id = q.tenant_id AND h.recipient = q.recipient AND h.seq < q.seq
          AND (h.due_at <= now() OR h.is_retry OR h.is_behind)
        ORDER BY h.seq
        LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (
        SELECT o.id FROM opt_outs AS o
        WHERE o.tenant_id = q.tenant_id AND o.phone_number IN (q.recipient, 'whatsapp:' || q.recipient)
        LIMIT 1) AS o ON true),
sending AS (
    UPDATE messages_out AS m
    SET status = 'sending', attempts = m.attempts + 1, lease_token = $1::text, next_attempt_at = NULL,
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM checked AS c
    WHERE m.seq = c.seq AND NOT c.is_behind AND NOT c.is_opted_out
      AND m.status IN ('pending', 'failed') AND m.held_reason IS NULL
    RETURNING m.id, m.seq, m.tenant_id, m."to", m.body, m.media_url, m.content_sid, m.content_variables, m.attempts,
              m.correlation_id),
blocked AS (
    UPDATE messages_out AS m
    SET status = 'blocked', last_error = 'the recipient opted out', next_attempt_at = NULL,
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM checked AS c
    WHERE m.seq = c.seq AND NOT c.is_behind AND c.is_opted_out AND m.status IN ('pending', 'failed')
    RETURNING m.id, m.tenant_id, m.correlation_id),
dequeued AS (
    -- Also a row whose message is no longer to be sent.
    DELETE FROM outbox_queue AS q USING checked AS c WHERE q.seq = c.seq AND NOT c.is_behind),
freed AS (
    DELETE FROM outbox_leases AS l USING checked AS c
    WHERE l.tenant_id = c.tenant_id AND l.recipient = c.recipient AND l.token = $1::text
      AND c.seq NOT IN (SELECT s.seq FROM sending AS s)),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT b.tenant_id, 'message_blocked_optout', 'message_out', b.id, b.correlation_id, 'system' FROM blocked AS b)
SELECT s.id, s.seq, s.tenant_id, s."to", s.body, s.media_url, s.content_sid, s.content_variables, s.attempts,
       s.correlation_id, coalesce(t.whatsapp_phone_number, $2::text) AS sender
FROM sending AS s
JOIN tenants AS t ON t.id = s.tenant_id
ORDER BY s.seq;
