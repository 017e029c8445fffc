-- maintenance.tick: the one statement of an idle process: says that it lives, asks whether something fell due unheard.
-- Each EXISTS reads the first entry of an index that holds only what waits, or a table of a few rows.
-- $1 id text  $2 host text  $3 pid integer  $4 version text  $5 roles text
WITH beat AS (
    INSERT INTO instances (id, host, pid, version, roles)
    VALUES ($1::text, $2::text, $3::integer, $4::text, $5::text)
    ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp())
SELECT EXISTS (SELECT FROM webhook_queue WHERE due_at IS NULL OR due_at <= now()) AS events_due,
       EXISTS (SELECT FROM outbox_queue WHERE due_at <= now()) AS messages_due,
       EXISTS (SELECT FROM outbox_leases WHERE unknown_since IS NULL AND expires_at <= now()) AS leases_expired,
       EXISTS (SELECT FROM delivery_events WHERE settled_at IS NULL AND look_again_at IS NULL)
           OR EXISTS (SELECT FROM delivery_events WHERE settled_at IS NULL AND look_again_at <= now()) AS deliveries_due,
       EXISTS (SELECT FROM messages_in AS m
               JOIN tenants AS t ON t.whatsapp_phone_number = m."to"
               JOIN webhook_events AS e ON e.id = m.event_id
               WHERE m.tenant_id IS NULL
                 AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d
                                 WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = m.event_id::text))
           AS attributions_due,
       EXISTS (SELECT FROM outbox_leases WHERE unknown_since IS NOT NULL AND coalesce(look_at, claimed_at) <= now()) AS looks_due,
       EXISTS (SELECT FROM outbox_queue WHERE expires_at <= now()) AS messages_expired,
       EXISTS (SELECT FROM outbox_dedupe_keys WHERE taken_at <= now() - interval '24 hours') AS dedupe_keys_old,
       EXISTS (SELECT FROM retention_passes WHERE due_at <= now()) AS retention_due,
       EXISTS (SELECT FROM erasures WHERE due_at <= now()) AS erasures_due,
       EXISTS (SELECT FROM backfills AS b
               WHERE b.ended_at IS NULL
                 AND (b.due_at <= now()
                      OR b.instance_id IS NOT NULL AND NOT EXISTS (SELECT FROM instances AS i WHERE i.id = b.instance_id)))
           AS backfills_due,
       EXISTS (SELECT FROM pg_stat_activity AS a
               WHERE a.datname = current_database() AND a.usename = current_user AND a.application_name LIKE 'pgcourier/%'
                 AND a.state = 'active' AND a.wait_event_type = 'Client' AND a.backend_xid IS NOT NULL
                 AND a.state_change < clock_timestamp() - interval '25 seconds') AS sessions_stalled;
