-- What SnapSell left behind. Nothing that it had given up, sent or left half done is sent: such rows become dead
-- letters or wait for a person. On a database that it never used there is nothing to do.
-- pgcourier.max_attempts is OUTBOX_MAX_RETRIES: with that many attempts it had given a message up.
-- What the last statement returns as "notice" is told to whoever migrates.

CREATE TEMPORARY TABLE adopted (message_id text, seq bigint, verdict text) ON COMMIT DROP;
INSERT INTO adopted (message_id, seq, verdict)
SELECT m.id, m.seq,
       CASE
           WHEN m.status = 'sending' THEN 'in flight'
           WHEN m.status = 'failed' AND m.attempts >= current_setting('pgcourier.max_attempts')::integer THEN 'given up'
           WHEN EXISTS (SELECT FROM dead_letter_jobs AS d
                        WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = m.id
                          -- A person who resolves one and sets its message to pending wants it to be sent.
                          AND (m.status = 'failed' OR d.resolved_at IS NULL)) THEN 'given up'
           WHEN m.created_at < (now() AT TIME ZONE 'UTC') - interval '1 hour' THEN 'old'
           ELSE 'current'
       END
FROM messages_out AS m
-- Those that are queued were inserted while we migrate, and are no business of SnapSell's any more.
WHERE m.status IN ('pending', 'failed', 'sending') AND NOT EXISTS (SELECT FROM outbox_queue AS q WHERE q.seq = m.seq);

SELECT set_config('pgcourier.act', 'adopt', true);

UPDATE messages_out AS m
SET status = 'dead', updated_at = clock_timestamp() AT TIME ZONE 'UTC'
FROM adopted AS a
WHERE a.message_id = m.id AND a.verdict = 'given up';

WITH letters AS (
    INSERT INTO dead_letter_jobs (tenant_id, job_type, payload, error_message, attempts)
    SELECT m.tenant_id, 'message_out', jsonb_build_object('message_out_id', m.id), m.last_error, m.attempts
    FROM adopted AS a JOIN messages_out AS m ON m.id = a.message_id
    WHERE a.verdict = 'given up'
      AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d
                      WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = m.id)
    ORDER BY a.seq
    RETURNING payload ->> 'message_out_id' AS message_id)
INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type)
SELECT m.tenant_id, 'message_dead_lettered', 'message_out', m.id, m.correlation_id, 'system'
FROM letters AS l JOIN messages_out AS m ON m.id = l.message_id
ORDER BY m.seq;

-- No row in outbox_leases: a message of some day in the past must not hold up what its recipient is told today.
UPDATE messages_out AS m
SET status = 'unknown', held_reason = 'SnapSell was sending it when it stopped: it may have been sent',
    updated_at = clock_timestamp() AT TIME ZONE 'UTC'
FROM adopted AS a
WHERE a.message_id = m.id AND a.verdict = 'in flight';

UPDATE messages_out AS m
SET held_reason = 'SnapSell had left it unsent for more than an hour', updated_at = clock_timestamp() AT TIME ZONE 'UTC'
FROM adopted AS a
WHERE a.message_id = m.id AND a.verdict = 'old';

INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, is_retry)
SELECT m.seq, m.id, m.tenant_id, m."to", greatest(m.next_attempt_at AT TIME ZONE 'UTC', now()), m.status = 'failed'
FROM adopted AS a JOIN messages_out AS m ON m.id = a.message_id
WHERE a.verdict = 'current'
ORDER BY m.seq;

SELECT set_config('pgcourier.act', '', true);

-- Numbers are compared without whatsapp:. Where two rows then have the same number, the one that has it without the
-- prefix, else the oldest, keeps it; the others stay as they are and are told.
UPDATE tenants AS t
SET whatsapp_phone_number = n.bare
FROM (SELECT id, nullif(pgcourier_bare_address(whatsapp_phone_number), '') AS bare,
             row_number() OVER (PARTITION BY pgcourier_bare_address(whatsapp_phone_number)
                                ORDER BY whatsapp_phone_number <> pgcourier_bare_address(whatsapp_phone_number),
                                         created_at, id) AS rank
      FROM tenants) AS n
WHERE n.id = t.id AND t.whatsapp_phone_number IS DISTINCT FROM n.bare AND (n.rank = 1 OR n.bare IS NULL);

UPDATE seller_phones AS s
SET phone_number = n.bare
FROM (SELECT id, pgcourier_bare_address(phone_number) AS bare,
             row_number() OVER (PARTITION BY tenant_id, pgcourier_bare_address(phone_number)
                                ORDER BY phone_number <> pgcourier_bare_address(phone_number), created_at, id) AS rank
      FROM seller_phones) AS n
WHERE n.id = s.id AND s.phone_number <> n.bare AND n.rank = 1;

SELECT notice
FROM (
    SELECT v.place, format(v.words, count(*)) AS notice
    FROM adopted AS a
    JOIN (VALUES
        (1, 'given up', 'messages_out: %s that SnapSell had given up are dead; see pgcourier dlq list'),
        (2, 'in flight', 'messages_out: %s that SnapSell was sending are unknown and held; see pgcourier outbox list'),
        (3, 'old', 'messages_out: %s that had waited for more than an hour are held; see pgcourier outbox release'),
        (4, 'current', 'messages_out: %s are waiting and will be sent')) AS v (place, verdict, words) USING (verdict)
    GROUP BY v.place, v.words
    UNION ALL
    SELECT 5, 'tenants: these get no messages, another tenant has their number: ' || string_agg(id, ', ' ORDER BY id)
    FROM tenants WHERE whatsapp_phone_number <> pgcourier_bare_address(whatsapp_phone_number) HAVING count(*) > 0
    UNION ALL
    SELECT 6, 'seller_phones: these repeat another one with whatsapp: before it: ' || string_agg(id, ', ' ORDER BY id)
    FROM seller_phones WHERE phone_number <> pgcourier_bare_address(phone_number) HAVING count(*) > 0) AS told
ORDER BY place;
