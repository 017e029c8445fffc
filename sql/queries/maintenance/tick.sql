-- maintenance.tick: the one statement of an idle process: says that it lives, asks whether something fell due unheard.
-- Each EXISTS reads the first entry of an index that holds only what waits, or a table of a few rows.
-- Where this process receives webhooks it says that too, unless nobody has for so long that it is a gap: then, and where
-- somebody else has the row, backfill.receiving has to say it. It never waits for that row, since it is this statement that finds
-- sessions which stand still and keep what they locked.
-- The row of a process that was killed goes when another starts; where that was there before, as a container's successor may be, it
-- goes here: after an hour, once all that it may have missed is written down and somebody who runs does what it did.
-- While somebody holds a snapshot, the entries of all that was sent stand before those that wait: where reading them from the start
-- took long, the next ones begin below what was first due at the last one, by 5 s, for what was not committed then.
-- $1 id text  $2 host text  $3 pid integer  $4 version text  $5 roles text  $6 the longest silence that is no gap, ms bigint;
-- NULL: it says nothing  $7 messages and leases that fell due before are left alone, in µs since 1970 bigint; NULL: none
-- $8 how long ago it began to refuse webhooks, ms bigint; NULL: it takes them  $9 TWILIO_WHATSAPP_NUMBER text; empty: none
-- returns  what is due, and from when on the next tick may read (NULL: from the start), how many µs this one took
WITH beat AS (
    INSERT INTO instances (id, host, pid, version, roles, refusing_since, default_sender)
    VALUES ($1::text, $2::text, $3::integer, $4::text, $5::text, clock_timestamp() - $8::bigint * interval '1 ms', nullif($9::text, ''))
    ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp(), refusing_since = excluded.refusing_since),
begins AS MATERIALIZED (SELECT coalesce(timestamptz 'epoch' + $7::bigint * interval '1 us', '-infinity') AS at),
-- In the order of outbox_queue_due_at_idx.
head AS MATERIALIZED (
    SELECT q.due_at, q.tenant_id FROM outbox_queue AS q
    WHERE q.due_at <= now() AND q.due_at >= (SELECT b.at FROM begins AS b)
    ORDER BY q.due_at, q.seq
    LIMIT 1000),
-- What somebody has paused waits on purpose.
late AS MATERIALIZED (
    SELECT h.due_at
    FROM head AS h
    WHERE h.due_at <= now() - interval '1 s'
      AND NOT EXISTS (SELECT FROM outbox_pauses AS p
                      WHERE p.kind = 'all' OR (p.kind = 'tenant' AND p.id = h.tenant_id)
                         OR (p.kind = 'sender' AND p.id = (SELECT s.number FROM tenant_senders AS s WHERE s.tenant_id = h.tenant_id)))
    ORDER BY h.due_at
    LIMIT 1),
ended AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM outbox_leases
                   WHERE unknown_since IS NULL AND expires_at BETWEEN (SELECT b.at FROM begins AS b) AND now()) AS leases,
           EXISTS (SELECT FROM outbox_queue WHERE expires_at BETWEEN (SELECT b.at FROM begins AS b) AND now()) AS messages),
wait AS (
    INSERT INTO outbox_waits AS w (minute, due_at, looked_at)
    SELECT date_trunc('minute', now()), l.due_at, now() FROM late AS l
    ON CONFLICT (minute) DO UPDATE SET due_at = excluded.due_at, looked_at = excluded.looked_at
    WHERE excluded.looked_at - excluded.due_at > w.looked_at - w.due_at),
old AS (DELETE FROM outbox_waits WHERE minute < now() - interval '2 hours'),
-- As maintenance.other_instances has it: of these it would say nothing more.
replaced AS MATERIALIZED (
    SELECT i.id FROM instances AS i
    WHERE i.id <> $1::text AND i.heartbeat_at < now() - interval '1 hour'
      AND ('webhook' <> ALL (string_to_array(i.roles, ',')) OR i.told_at >= i.heartbeat_at + interval '1 hour')
      AND string_to_array(i.roles, ',') <@ (SELECT array_agg(r.role)
                                            FROM instances AS o CROSS JOIN LATERAL unnest(string_to_array(o.roles, ',')) AS r (role)
                                            WHERE o.heartbeat_at >= now() - interval '30 s')
    FOR UPDATE OF i SKIP LOCKED),
gone AS (DELETE FROM instances AS i USING replaced AS r WHERE i.id = r.id),
-- A clock that went back is a gap too.
receiving_row AS MATERIALIZED (
    SELECT r.is_only FROM receiving AS r
    WHERE clock_timestamp() - r.last_receiving_at BETWEEN interval '-2 s' AND $6::bigint * interval '1 ms'
    FOR UPDATE SKIP LOCKED),
receives AS (
    UPDATE receiving AS r SET last_receiving_at = clock_timestamp()
    FROM receiving_row AS w WHERE r.is_only = w.is_only
    RETURNING r.is_only)
SELECT EXISTS (SELECT FROM webhook_queue WHERE due_at IS NULL OR due_at <= now()) AS events_due,
       EXISTS (SELECT FROM head) AS messages_due,
       (SELECT e.leases FROM ended AS e) AS leases_expired,
       EXISTS (SELECT FROM delivery_events WHERE settled_at IS NULL AND look_again_at IS NULL)
           OR EXISTS (SELECT FROM delivery_events WHERE settled_at IS NULL AND look_again_at <= now()) AS deliveries_due,
       EXISTS (SELECT FROM messages_in AS m
               JOIN tenants AS t ON t.whatsapp_phone_number = m."to"
               JOIN webhook_events AS e ON e.id = m.event_id
               WHERE m.tenant_id IS NULL AND m.message_type IS NULL
                 AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d
                                 WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = m.event_id::text))
           AS attributions_due,
       EXISTS (SELECT FROM outbox_leases WHERE unknown_since IS NOT NULL AND coalesce(look_at, claimed_at) <= now()) AS looks_due,
       (SELECT e.messages FROM ended AS e) AS messages_expired,
       EXISTS (SELECT FROM outbox_dedupe_keys WHERE taken_at <= now() - interval '24 hours') AS dedupe_keys_old,
       -- Later than any is ever put off: the clock went back. As maintenance.retention_claim and erasure_due.
       EXISTS (SELECT FROM retention_passes
               WHERE due_at <= now()
                  OR CASE WHEN began_at IS NULL THEN ended_at ELSE due_at - interval '10 min' END > now() + interval '2 s') AS retention_due,
       EXISTS (SELECT FROM erasures WHERE due_at <= now() OR due_at > now() + interval '1 h 2 s') AS erasures_due,
       EXISTS (SELECT FROM backfills AS b
               WHERE b.ended_at IS NULL
                 -- Later than any is ever put off: the clock went back.
                 AND (b.due_at <= now() OR b.due_at > now() + interval '10 min'
                      OR b.instance_id IS NOT NULL AND NOT EXISTS (SELECT FROM instances AS i WHERE i.id = b.instance_id)))
           AS backfills_due,
       EXISTS (SELECT FROM pg_stat_activity AS a
               WHERE a.datname = current_database() AND a.usename = current_user AND a.application_name LIKE 'pgcourier/%'
                 AND a.state = 'active' AND a.wait_event_type = 'Client' AND a.backend_xid IS NOT NULL
                 AND a.state_change < clock_timestamp() - interval '25 seconds') AS sessions_stalled,
       EXISTS (SELECT FROM receives) AS says_receiving,
       (SELECT (extract(epoch FROM greatest('epoch', least(now(), (SELECT min(h.due_at) FROM head AS h)) - interval '5 s')) * 1000000)::bigint
        FROM ended AS e WHERE NOT e.leases AND NOT e.messages) AS next_from_us,
       (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint AS took_us,
       -- As maintenance.other_instances.
       EXISTS (SELECT FROM instances AS i
               WHERE 'webhook' = ANY (string_to_array(i.roles, ','))
                 AND (i.heartbeat_at < now() - interval '30 s' AND coalesce(i.told_at, '-infinity') < i.heartbeat_at
                      OR i.heartbeat_at < now() - interval '1 hour'
                         AND coalesce(i.told_at, '-infinity') < i.heartbeat_at + interval '1 hour')) AS receivers_gone;
