-- outbox.look_settle: writes back what looks at Twilio's list found. A message that was settled meanwhile (a callback, a
-- person, a late answer), or that another look has taken since, is left alone; one that somebody has locked is looked up again. Rows are locked in the order of seq, a
-- message before its lease, as everywhere.
-- $1 seqs bigint[]  $2 tokens text[]  $3 the looks' own times in µs bigint[]
-- $4 acts text[]: sent, failed, dead, held, next look, retry look  $5 provider ids text[]  $6 senders text[]
-- $7 reasons text[]  $8 waits until the next look in ms bigint[]  $9 who found out text: list or policy
-- returns  the ids of the messages that it changed
WITH results AS MATERIALIZED (
    SELECT r.seq, r.token, r.until_us, r.act, r.provider_id, r.sender, r.reason, r.wait_ms
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
        AS r (seq, token, until_us, act, provider_id, sender, reason, wait_ms)),
messages AS MATERIALIZED (
    SELECT m.seq, m.tenant_id, m."to" AS recipient, r.token, r.until_us, r.act, r.provider_id, r.sender, r.reason, r.wait_ms
    FROM results AS r
    JOIN messages_out AS m ON m.seq BETWEEN r.seq AND r.seq AND m.lease_token = r.token
    WHERE m.status = 'unknown'
    ORDER BY r.seq
    FOR NO KEY UPDATE OF m SKIP LOCKED),
ours AS MATERIALIZED (
    SELECT o.seq, o.tenant_id, o.recipient, o.provider_id, o.sender, o.reason, o.wait_ms, b.is_outage,
           CASE WHEN o.act = 'dead' AND b.is_outage THEN 'failed' ELSE o.act END AS act
    FROM messages AS o
    JOIN outbox_leases AS l ON l.tenant_id = ANY (ARRAY[o.tenant_id]) AND l.recipient BETWEEN o.recipient AND o.recipient AND l.token = o.token
    -- It was not sent while nothing was: that uses no attempt.
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM outbox_scopes AS s
                       WHERE s.scope IN ('provider', 'sender:' || l.sender) AND s.opened_at IS NOT NULL) AS is_outage) AS b
    WHERE l.look_at = timestamptz 'epoch' + o.until_us * interval '1 us'
    FOR UPDATE OF l),
settled AS (
    UPDATE messages_out AS m
    SET status = o.act, lease_token = NULL,
        attempts = m.attempts - (o.act = 'failed' AND o.is_outage)::integer,
        deferrals = least(m.deferrals + (o.act = 'failed' AND o.is_outage)::integer, 32767), provider_message_id = coalesce(o.provider_id, m.provider_message_id),
        sent_from = coalesce(o.sender, m.sent_from), sent_at = CASE WHEN o.act = 'sent' THEN clock_timestamp() END,
        last_error = o.reason, error_code = CASE WHEN o.act <> 'sent' THEN m.error_code END, next_attempt_at = NULL,
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM ours AS o
    WHERE m.seq BETWEEN o.seq AND o.seq AND o.act IN ('sent', 'failed', 'dead')
    RETURNING m.id, m.seq, m.tenant_id, m."to", m.status, m.attempts, m.deferrals, m.correlation_id, m.provider_message_id, m.last_error),
held AS (
    UPDATE messages_out AS m
    SET held_reason = o.reason, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM ours AS o
    WHERE m.seq BETWEEN o.seq AND o.seq AND o.act = 'held'
    RETURNING m.id, m.seq, m.tenant_id, m.attempts, m.correlation_id, m.held_reason),
freed AS (
    DELETE FROM outbox_leases AS l USING ours AS o
    WHERE l.tenant_id = ANY (ARRAY[o.tenant_id]) AND l.recipient BETWEEN o.recipient AND o.recipient AND o.act IN ('sent', 'failed', 'dead')),
unsettled AS (
    UPDATE outbox_leases AS l
    SET look_at = CASE WHEN o.act = 'held' THEN 'infinity' ELSE clock_timestamp() + o.wait_ms * interval '1 ms' END,
        looks = l.looks + CASE WHEN o.act = 'next look' THEN 1 ELSE 0 END,
        look_failures = CASE WHEN o.act = 'retry look' THEN least(l.look_failures + 1, 1000) ELSE 0 END
    FROM ours AS o
    WHERE l.tenant_id = ANY (ARRAY[o.tenant_id]) AND l.recipient BETWEEN o.recipient AND o.recipient
      AND o.act IN ('held', 'next look', 'retry look')),
queued AS (
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, is_retry, deferrals)
    SELECT s.seq, s.id, s.tenant_id, s."to", clock_timestamp(), true, s.deferrals
    FROM settled AS s WHERE s.status = 'failed'),
letters AS (
    INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts)
    SELECT s.tenant_id, 'message_out', jsonb_build_object('message_out_id', s.id), s.last_error, s.attempts
    FROM settled AS s WHERE s.status = 'dead'),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT e.tenant_id, e.event_type, 'message_out', e.id, e.correlation_id, 'system',
           jsonb_strip_nulls(jsonb_build_object('attempt', e.attempts, 'provider_message_id', e.provider_id,
                                                'reason', e.reason, 'by', $9::text))
    FROM (SELECT s.tenant_id, t.event_type, s.id, s.seq, s.correlation_id, s.attempts, s.last_error AS reason,
                 CASE WHEN s.status = 'sent' THEN s.provider_message_id END AS provider_id
          FROM settled AS s
          JOIN (VALUES ('sent', 'message_sent'), ('failed', 'message_failed'), ('dead', 'message_dead_lettered'))
              AS t (status, event_type) ON t.status = s.status
          UNION ALL
          SELECT h.tenant_id, 'message_held', h.id, h.seq, h.correlation_id, h.attempts, h.held_reason, NULL
          FROM held AS h) AS e
    ORDER BY e.seq)
SELECT s.id FROM settled AS s
UNION ALL
SELECT h.id FROM held AS h;
