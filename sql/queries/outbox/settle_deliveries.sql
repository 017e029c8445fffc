-- outbox.settle_deliveries: merges status callbacks into their messages, the oldest first. Twilio keeps no order and
-- repeats itself, so that only a later state changes anything; states in one batch are merged before.
-- A callback finds its message by the id that our own URL carries, else by the provider's id; one that fits no message
-- yet waits up to 5 minutes for the answer to the create call.
-- $1 limit integer
-- returns  a row for each callback: id, verdict (settles: it made its message sent; merges; contradicts: it tells of an
--          attempt that was taken for not sent; unknown), message id, provider id, tenant id, recipient
WITH events AS MATERIALIZED (
    SELECT d.id, d.provider_message_id, d.message_id, d.attempt, d.status, d.error_code, d.received_at, d.correlation_id
    FROM delivery_events AS d
    WHERE d.settled_at IS NULL
    ORDER BY d.id
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED),
matched AS MATERIALIZED (
    SELECT e.id, e.provider_message_id, e.attempt, e.status, e.error_code, e.received_at, r.rank,
           coalesce(by_id.id, by_provider.id) AS message_id
    FROM events AS e
    LEFT JOIN (VALUES ('accepted', 1), ('scheduled', 1), ('queued', 1), ('sending', 2), ('sent', 3), ('delivered', 4),
                      ('partially_delivered', 4), ('failed', 4), ('undelivered', 4), ('canceled', 4), ('read', 5))
        AS r (status, rank) ON r.status = e.status
    LEFT JOIN LATERAL (SELECT m.id FROM messages_out AS m WHERE m.id = e.message_id) AS by_id ON true
    LEFT JOIN LATERAL (
        SELECT m.id FROM messages_out AS m
        WHERE by_id.id IS NULL AND m.provider_message_id = e.provider_message_id
        LIMIT 1) AS by_provider ON true),
messages AS MATERIALIZED (
    SELECT m.id, m.seq, m.tenant_id, m."to", m.status, m.attempts, m.lease_token, m.provider_message_id,
           m.delivery_status, m.correlation_id
    FROM messages_out AS m
    WHERE m.id IN (SELECT x.message_id FROM matched AS x)
    ORDER BY m.seq
    FOR UPDATE),
judged AS MATERIALIZED (
    SELECT x.id, x.message_id, x.provider_message_id, x.attempt, x.status, x.error_code, x.rank, m.tenant_id, m."to",
           m.correlation_id, coalesce(w.rank, 0) AS was_rank,
           CASE WHEN m.id IS NULL AND x.received_at > clock_timestamp() - interval '5 min' THEN 'waits'
                WHEN m.id IS NULL THEN 'unknown'
                WHEN m.status IN ('sending', 'unknown') AND m.lease_token IS NOT NULL AND x.attempt = m.attempts
                     THEN 'settles'
                WHEN m.provider_message_id = x.provider_message_id OR m.status = 'sent' AND m.provider_message_id IS NULL
                     THEN 'merges'
                WHEN x.attempt IS NOT NULL THEN 'contradicts'
                ELSE 'unknown' END AS verdict
    FROM matched AS x
    LEFT JOIN messages AS m ON m.id = x.message_id
    LEFT JOIN (VALUES ('accepted', 1), ('scheduled', 1), ('queued', 1), ('sending', 2), ('sent', 3), ('delivered', 4),
                      ('partially_delivered', 4), ('failed', 4), ('undelivered', 4), ('canceled', 4), ('read', 5))
        AS w (status, rank) ON w.status = m.delivery_status),
best AS MATERIALIZED (
    SELECT DISTINCT ON (j.message_id) j.message_id, j.provider_message_id, j.status, j.error_code, j.rank, j.was_rank,
           j.verdict
    FROM judged AS j
    WHERE j.verdict IN ('settles', 'merges')
    ORDER BY j.message_id, j.rank DESC NULLS LAST, j.id),
changed AS (
    UPDATE messages_out AS m
    SET status = CASE WHEN b.verdict = 'settles' THEN 'sent' ELSE m.status END,
        lease_token = CASE WHEN b.verdict = 'settles' THEN NULL ELSE m.lease_token END,
        provider_message_id = b.provider_message_id,
        sent_at = CASE WHEN b.verdict = 'settles' THEN clock_timestamp() ELSE m.sent_at END,
        last_error = CASE WHEN b.verdict = 'settles' THEN NULL ELSE m.last_error END,
        delivery_status = CASE WHEN b.rank > b.was_rank THEN b.status ELSE m.delivery_status END,
        error_code = CASE WHEN b.rank > b.was_rank THEN b.error_code ELSE m.error_code END,
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM best AS b
    WHERE m.id = b.message_id AND (b.verdict = 'settles' OR b.rank > b.was_rank)
    RETURNING m.id, m.seq, m.tenant_id, m."to", m.attempts, m.correlation_id, m.provider_message_id, b.verdict),
freed AS (
    DELETE FROM outbox_leases AS l USING changed AS c
    WHERE c.verdict = 'settles' AND l.tenant_id = c.tenant_id AND l.recipient = c."to" AND l.message_id = c.id),
logged_sent AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT c.tenant_id, 'message_sent', 'message_out', c.id, c.correlation_id, 'system',
           jsonb_build_object('attempt', c.attempts, 'provider_message_id', c.provider_message_id, 'by', 'callback')
    FROM changed AS c WHERE c.verdict = 'settles' ORDER BY c.seq),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT DISTINCT j.tenant_id, e.event_type, 'message_out', j.message_id, j.correlation_id, 'provider',
           jsonb_strip_nulls(jsonb_build_object('provider_message_id', j.provider_message_id, 'code', j.error_code))
    FROM judged AS j
    JOIN (VALUES ('delivered', 'message_delivered'), ('read', 'message_read'), ('failed', 'message_undelivered'),
                 ('undelivered', 'message_undelivered')) AS e (status, event_type) ON e.status = j.status
    WHERE j.verdict IN ('settles', 'merges') AND j.rank > j.was_rank),
logged_contradictions AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT j.tenant_id, 'delivery_contradicts', 'message_out', j.message_id, j.correlation_id, 'provider',
           jsonb_build_object('attempt', j.attempt, 'provider_message_id', j.provider_message_id, 'status', j.status)
    FROM judged AS j WHERE j.verdict = 'contradicts'),
done AS (
    UPDATE delivery_events AS d SET settled_at = clock_timestamp()
    FROM judged AS j WHERE d.id = j.id AND j.verdict <> 'waits')
SELECT j.id, j.verdict, j.message_id, j.provider_message_id, j.tenant_id, j."to"
FROM judged AS j
WHERE j.verdict <> 'waits'
ORDER BY j.id;
