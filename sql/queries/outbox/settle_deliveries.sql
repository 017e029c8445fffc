-- outbox.settle_deliveries: merges status callbacks into their messages, the oldest first. Twilio keeps no order and
-- repeats itself, so that only a later state changes anything; what came before in the same batch counts as told.
-- A callback finds its message by the id that our own URL carries, else by the provider's id; one that fits no message
-- yet waits up to 5 minutes for the answer to the create call, and is looked at every 5 s. Messages that somebody has
-- locked are left for the next time: whoever settles or claims holds other rows that we might have.
-- One that tells of an attempt that was taken for not sent, while its message waits for the next one or was given up,
-- makes it sent: the next one would be its double.
-- What Twilio took and could not deliver stays sent, and is a dead letter: nobody sends it again by itself.
-- $1 limit integer  $2 error codes integer[]  $3 what each means text[]
-- returns  a row for each callback: id, verdict (settles: it made its message sent; settles late: one that was taken for
--          not sent; merges; contradicts: it tells of an attempt that was taken for not sent, and there was another;
--          unknown; locked: look again in a moment), message id, provider id, tenant id, recipient; and when it
--          told of a failure that was news: the number it was sent from, the code, how old the callback is in ms; and how long
--          ago the message was sent in ms
WITH fresh AS MATERIALIZED (
    SELECT d.id
    FROM delivery_events AS d
    WHERE d.settled_at IS NULL AND d.look_again_at IS NULL
    ORDER BY d.id
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED),
waiting AS MATERIALIZED (
    SELECT d.id
    FROM delivery_events AS d
    WHERE d.settled_at IS NULL AND d.look_again_at <= now()
    ORDER BY d.look_again_at
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED),
states (status, rank) AS (
    VALUES ('accepted', 1), ('scheduled', 1), ('queued', 1), ('sending', 2), ('sent', 3), ('delivered', 4),
           ('partially_delivered', 4), ('failed', 4), ('undelivered', 4), ('canceled', 4), ('read', 5)),
matched AS MATERIALIZED (
    SELECT e.id, e.provider_message_id, e.attempt, e.status, e.error_code, e.received_at, e.event_id, r.rank,
           coalesce(by_id.id, by_provider.id) AS message_id
    FROM (SELECT f.id FROM fresh AS f UNION ALL SELECT w.id FROM waiting AS w) AS taken
    CROSS JOIN LATERAL (SELECT d.id, d.provider_message_id, d.message_id, d.attempt, d.status, d.error_code, d.received_at, d.event_id
                        FROM delivery_events AS d WHERE d.id = taken.id OFFSET 0) AS e
    LEFT JOIN states AS r ON r.status = e.status
    LEFT JOIN LATERAL (SELECT m.id FROM messages_out AS m WHERE m.id = e.message_id) AS by_id ON true
    LEFT JOIN LATERAL (
        SELECT m.id FROM messages_out AS m
        WHERE by_id.id IS NULL AND m.provider_message_id = e.provider_message_id
        LIMIT 1) AS by_provider ON true),
messages AS MATERIALIZED (
    SELECT m.id, m.seq, m.tenant_id, m."to", m.status, m.calls, m.lease_token, m.provider_message_id,
           m.delivery_status, m.sent_from, m.sent_at, m.correlation_id
    FROM messages_out AS m
    WHERE m.id = ANY (ARRAY(SELECT x.message_id FROM matched AS x))
    ORDER BY m.seq + 0
    FOR NO KEY UPDATE SKIP LOCKED),
judged AS MATERIALIZED (
    SELECT x.id, x.message_id, x.provider_message_id, x.attempt, x.status, x.error_code, x.rank, x.received_at, x.event_id, m.tenant_id,
           m."to", m.correlation_id, m.sent_at, coalesce(w.rank, 0) AS was_rank,
           coalesce(m.sent_from, nullif(e."from", ''), t.whatsapp_phone_number) AS sent_from,
           CASE WHEN m.id IS NULL AND x.message_id IS NOT NULL THEN 'locked'
                WHEN m.id IS NULL AND x.received_at > clock_timestamp() - interval '5 min' THEN 'waits'
                WHEN m.id IS NULL THEN 'unknown'
                WHEN m.status IN ('sending', 'unknown') AND m.lease_token IS NOT NULL AND x.attempt = m.calls
                     THEN 'settles'
                WHEN m.status IN ('pending', 'failed', 'dead') AND x.attempt BETWEEN 1 AND m.calls THEN 'settles late'
                WHEN m.status = 'unknown' AND m.lease_token IS NOT NULL AND x.attempt BETWEEN 1 AND m.calls THEN 'settles late'
                -- Of an earlier attempt, while another is made: once that one is settled, it may have to keep a third away.
                WHEN m.status = 'sending' AND x.attempt BETWEEN 1 AND m.calls THEN 'waits'
                WHEN m.provider_message_id = x.provider_message_id
                     OR m.status = 'sent' AND m.provider_message_id IS NULL AND coalesce(x.attempt, m.calls) = m.calls
                     THEN 'merges'
                WHEN x.attempt IS NOT NULL THEN 'contradicts'
                ELSE 'unknown' END AS verdict
    FROM matched AS x
    LEFT JOIN messages AS m ON m.id = x.message_id
    LEFT JOIN states AS w ON w.status = m.delivery_status
    -- When a callback comes before the answer, it is what tells the number.
    LEFT JOIN LATERAL (SELECT e."from" FROM webhook_events AS e WHERE e.id = x.event_id AND m.sent_from IS NULL) AS e ON true
    LEFT JOIN LATERAL (
        SELECT t.whatsapp_phone_number FROM tenants AS t WHERE t.id = m.tenant_id AND m.sent_from IS NULL) AS t ON true),
told AS MATERIALIZED (
    SELECT j.id, j.message_id, j.provider_message_id, j.status, j.error_code, j.rank, j.received_at, j.tenant_id,
           j.correlation_id, j.sent_from, j.verdict,
           j.rank > greatest(j.was_rank, max(j.rank) OVER (PARTITION BY j.message_id ORDER BY j.id
                                                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS is_news
    FROM judged AS j
    WHERE j.verdict IN ('settles', 'settles late', 'merges')),
-- Of several at most one tells of a failure that is news: nothing of the same rank comes after it.
failures AS MATERIALIZED (
    SELECT t.id, t.message_id, t.error_code, t.sent_from, t.received_at,
           CASE WHEN t.error_code IS NULL THEN 'Twilio took it and could not deliver it; it gave no reason'
                ELSE 'twilio ' || t.error_code || ': ' || coalesce(w.words, 'Twilio took it and could not deliver it')
           END AS reason
    FROM told AS t
    LEFT JOIN unnest($2::integer[], $3::text[]) AS w (code, words) ON w.code = t.error_code
    WHERE t.is_news AND t.status IN ('failed', 'undelivered')),
merged AS MATERIALIZED (
    SELECT t.message_id, bool_or(t.verdict IN ('settles', 'settles late')) AS settles, min(t.provider_message_id) AS provider_message_id,
           min(t.sent_from) AS sent_from, coalesce(bool_or(t.is_news), false) AS is_news,
           (array_agg(t.status ORDER BY t.rank DESC) FILTER (WHERE t.is_news))[1] AS status,
           (array_agg(t.error_code ORDER BY t.rank DESC) FILTER (WHERE t.is_news))[1] AS error_code,
           min(t.received_at) FILTER (WHERE t.is_news AND t.status IN ('delivered', 'partially_delivered', 'read')) AS delivered_at,
           min(t.received_at) FILTER (WHERE t.is_news AND t.status = 'read') AS read_at,
           min(t.received_at) FILTER (WHERE t.is_news AND t.status IN ('failed', 'undelivered')) AS undelivered_at,
           min(f.reason) AS reason
    FROM told AS t
    LEFT JOIN failures AS f ON f.id = t.id
    GROUP BY t.message_id),
acting AS MATERIALIZED (
    SELECT set_config('pgcourier.act', 'deliver', true) AS act),
changed AS (
    UPDATE messages_out AS m
    SET status = CASE WHEN b.settles THEN 'sent' ELSE m.status END,
        lease_token = CASE WHEN b.settles THEN NULL ELSE m.lease_token END,
        held_reason = CASE WHEN b.settles THEN NULL ELSE m.held_reason END,
        next_attempt_at = CASE WHEN b.settles THEN NULL ELSE m.next_attempt_at END,
        sent_at = CASE WHEN b.settles THEN clock_timestamp() ELSE m.sent_at END,
        sent_from = coalesce(m.sent_from, b.sent_from),
        provider_message_id = b.provider_message_id,
        delivery_status = CASE WHEN b.is_news THEN b.status ELSE m.delivery_status END,
        error_code = CASE WHEN b.is_news THEN b.error_code WHEN b.settles THEN NULL ELSE m.error_code END,
        last_error = CASE WHEN b.reason IS NOT NULL THEN b.reason WHEN b.settles THEN NULL ELSE m.last_error END,
        delivered_at = coalesce(m.delivered_at, b.delivered_at), read_at = coalesce(m.read_at, b.read_at),
        undelivered_at = coalesce(m.undelivered_at, b.undelivered_at),
        updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM merged AS b, acting AS a
    WHERE m.id BETWEEN b.message_id AND b.message_id AND (b.settles OR b.is_news) AND a.act = 'deliver'
    RETURNING m.id, m.seq, m.tenant_id, m."to", m.attempts, m.correlation_id, m.provider_message_id, m.error_code,
              b.settles, b.delivered_at, b.read_at, b.undelivered_at, b.reason),
freed AS (
    DELETE FROM outbox_leases AS l USING changed AS c
    WHERE c.settles AND l.tenant_id = ANY (ARRAY[c.tenant_id]) AND l.recipient BETWEEN c."to" AND c."to" AND l.message_id = c.id),
-- Only a claim has one locked that waits: it finds its message sent, and dequeues it.
waiting_rows AS MATERIALIZED (
    SELECT w.place
    FROM changed AS c
    CROSS JOIN LATERAL (
        SELECT q.ctid AS place FROM outbox_queue AS q
        WHERE q.tenant_id = ANY (ARRAY[c.tenant_id]) AND q.recipient = c."to" AND q.seq BETWEEN c.seq AND c.seq
        ORDER BY q.tenant_id, q.seq
        LIMIT 1
        FOR UPDATE SKIP LOCKED) AS w
    WHERE c.settles),
dequeued AS (
    DELETE FROM outbox_queue AS q USING waiting_rows AS w WHERE q.ctid = w.place),
-- Nobody needs to look at what was given up and was sent after all. A letter that a person has locked is being retried:
-- that finds its message sent.
resolved AS (
    UPDATE dead_letter_jobs AS d
    SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE d.id IN (
        SELECT o.id FROM dead_letter_jobs AS o
        WHERE o.resolved_at IS NULL AND o.job_type = 'message_out'
          AND o.payload ->> 'message_out_id' IN (SELECT c.id FROM changed AS c WHERE c.settles)
        FOR UPDATE SKIP LOCKED)),
letters AS (
    INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts)
    SELECT c.tenant_id, 'message_out', jsonb_build_object('message_out_id', c.id), c.reason, c.attempts
    FROM changed AS c WHERE c.reason IS NOT NULL
    ORDER BY c.seq),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT c.tenant_id, e.event_type, 'message_out', c.id, c.correlation_id, e.actor_type, jsonb_strip_nulls(e.payload)
    FROM changed AS c
    JOIN messages AS m ON m.id = c.id
    LEFT JOIN states AS w ON w.status = m.delivery_status
    CROSS JOIN LATERAL (VALUES
        (1, c.settles, 'message_sent', 'system',
         jsonb_build_object('attempt', c.attempts, 'provider_message_id', c.provider_message_id, 'by', 'callback')),
        -- What was read was delivered, also when Twilio tells so too late or never.
        (2, c.delivered_at IS NOT NULL AND coalesce(w.rank, 0) < 4, 'message_delivered', 'provider',
         jsonb_build_object('provider_message_id', c.provider_message_id)),
        (3, c.read_at IS NOT NULL, 'message_read', 'provider',
         jsonb_build_object('provider_message_id', c.provider_message_id)),
        (4, c.undelivered_at IS NOT NULL, 'message_undelivered', 'provider',
         jsonb_build_object('provider_message_id', c.provider_message_id, 'code', c.error_code)),
        (5, c.reason IS NOT NULL, 'message_dead_lettered', 'system',
         jsonb_build_object('attempt', c.attempts, 'code', c.error_code, 'reason', c.reason)))
        AS e (place, is_so, event_type, actor_type, payload)
    WHERE e.is_so
    ORDER BY c.seq, e.place),
logged_contradictions AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT j.tenant_id, 'delivery_contradicts', 'message_out', j.message_id, j.correlation_id, 'provider',
           jsonb_build_object('attempt', j.attempt, 'provider_message_id', j.provider_message_id, 'status', j.status)
    FROM judged AS j WHERE j.verdict IN ('settles late', 'contradicts')),
-- The recipient was erased meanwhile: what Twilio tells of them later is not kept either.
forgotten AS (
    UPDATE webhook_events AS e
    SET raw = '', query = '', payload = '{"erased": true}', "to" = 'erased'
    FROM judged AS j
    WHERE e.id = j.event_id AND j."to" = 'erased' AND j.verdict NOT IN ('waits', 'locked')),
done AS (
    UPDATE delivery_events AS d
    SET error_message = CASE WHEN j."to" = 'erased' THEN NULL ELSE d.error_message END,
        settled_at = CASE WHEN j.verdict NOT IN ('waits', 'locked') THEN clock_timestamp() END,
        look_again_at = CASE j.verdict WHEN 'waits' THEN clock_timestamp() + interval '5 s' WHEN 'locked' THEN now() END
    FROM judged AS j WHERE d.id = j.id)
SELECT j.id, j.verdict, j.message_id, j.provider_message_id, j.tenant_id, j."to", f.sent_from, f.error_code,
       (extract(epoch FROM clock_timestamp() - f.received_at) * 1000)::bigint AS age_ms,
       (extract(epoch FROM clock_timestamp() - coalesce(j.sent_at, clock_timestamp())) * 1000)::bigint AS sent_ago_ms
FROM judged AS j
LEFT JOIN failures AS f ON f.id = j.id
WHERE j.verdict <> 'waits'
ORDER BY j.id;
