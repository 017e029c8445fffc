-- outbox.settle: writes the outcomes of messages in flight back, whatever they are. A row whose token is no longer ours
-- was settled by somebody else (a callback, a person, or us before a lost reply to COMMIT) and is left alone. One that was
-- swept as unknown meanwhile still has its token, and what we know of it holds.
-- Rows are locked in the order of seq, as everywhere; one that somebody else has locked is left for the next time.
-- $1 seqs bigint[]  $2 tokens text[]  $3 statuses text[]  $4 attempts integer[]  $5 provider ids text[]  $6 senders text[]
-- $7 error codes integer[]  $8 reasons text[]  $9 waits in ms bigint[] (failed and pending only)  $10 deferrals integer[]
-- returns  the seqs of those that were settled, and of those that somebody else has locked; which it is
WITH outcomes AS MATERIALIZED (
    SELECT o.seq, o.token, o.status, o.attempts, o.provider_id, o.sender, o.error_code, o.reason, o.deferrals,
           statement_timestamp() + o.wait_ms * interval '1 ms' AS due_at
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::integer[], $8::text[], $9::bigint[],
                $10::integer[])
        AS o (seq, token, status, attempts, provider_id, sender, error_code, reason, wait_ms, deferrals)),
ours AS MATERIALIZED (
    SELECT m.seq, m.status AS was, o.token, o.attempts, o.provider_id, o.sender, o.error_code, o.reason, o.due_at, o.deferrals,
           CASE WHEN m.status = 'unknown' AND o.status = 'pending' THEN 'failed' ELSE o.status END AS status
    FROM outcomes AS o
    JOIN messages_out AS m ON m.seq BETWEEN o.seq AND o.seq AND m.lease_token = o.token
    ORDER BY o.seq
    FOR NO KEY UPDATE OF m SKIP LOCKED),
settled AS (
    UPDATE messages_out AS m
    SET status = o.status, attempts = o.attempts, deferrals = o.deferrals, lease_token = CASE WHEN o.status = 'unknown' THEN o.token END,
        provider_message_id = coalesce(o.provider_id, m.provider_message_id), sent_from = coalesce(o.sender, m.sent_from),
        sent_at = CASE WHEN o.status = 'sent' THEN clock_timestamp() END, error_code = o.error_code, last_error = o.reason,
        next_attempt_at = o.due_at AT TIME ZONE 'UTC', updated_at = statement_timestamp() AT TIME ZONE 'UTC'
    FROM ours AS o
    WHERE m.seq BETWEEN o.seq AND o.seq
    RETURNING m.id, m.seq, m.tenant_id, m."to", m.status, m.attempts, m.correlation_id, m.provider_message_id, m.error_code,
              m.last_error, m.deferrals, o.was, o.token, o.due_at),
freed AS (
    DELETE FROM outbox_leases AS l USING settled AS s
    WHERE s.status <> 'unknown'
      AND l.tenant_id = ANY (ARRAY[s.tenant_id]) AND l.recipient BETWEEN s."to" AND s."to" AND l.token = s.token),
set_aside AS (
    UPDATE outbox_leases AS l SET unknown_since = coalesce(l.unknown_since, clock_timestamp())
    FROM settled AS s
    WHERE s.status = 'unknown'
      AND l.tenant_id = ANY (ARRAY[s.tenant_id]) AND l.recipient BETWEEN s."to" AND s."to" AND l.token = s.token),
queued AS (
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, is_retry, deferrals)
    SELECT s.seq, s.id, s.tenant_id, s."to", s.due_at, true, s.deferrals
    FROM settled AS s WHERE s.status IN ('failed', 'pending')),
letters AS (
    INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts)
    SELECT s.tenant_id, 'message_out', jsonb_build_object('message_out_id', s.id), s.last_error, s.attempts
    FROM settled AS s WHERE s.status = 'dead'),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT s.tenant_id, e.event_type, 'message_out', s.id, s.correlation_id, 'system',
           CASE WHEN s.status = 'sent'
                THEN jsonb_build_object('attempt', s.attempts, 'provider_message_id', s.provider_message_id)
                ELSE jsonb_strip_nulls(jsonb_build_object('attempt', s.attempts, 'code', s.error_code, 'reason', s.last_error)) END
    FROM settled AS s
    JOIN (VALUES ('sent', 'message_sent'), ('failed', 'message_failed'), ('dead', 'message_dead_lettered'),
                 ('unknown', 'message_outcome_unknown')) AS e (status, event_type) ON e.status = s.status
    WHERE s.status <> s.was
    ORDER BY s.seq)
SELECT s.seq, false AS is_locked FROM settled AS s
UNION ALL
SELECT o.seq, true
FROM (SELECT o.seq, o.token FROM outcomes AS o WHERE o.seq NOT IN (SELECT u.seq FROM ours AS u) OFFSET 0) AS o
JOIN messages_out AS m ON m.seq BETWEEN o.seq AND o.seq AND m.lease_token = o.token;
