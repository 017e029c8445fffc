-- cli.show_find: what an id names: things of that id, else those that Twilio knows by it, else what has it as correlation id.
-- $1 id text
-- returns  message_out, message_in, webhook_event, dead_letter or tenant, and its id; the first one is what was asked for, the
--          others belong to it
WITH found (nearness, place, kind, id) AS (
    SELECT 1, 1, 'message_out', m.id FROM messages_out AS m WHERE m.id = $1::text
    UNION ALL
    SELECT 1, 2, 'message_in', m.id FROM messages_in AS m WHERE m.id = $1
    UNION ALL
    SELECT 1, 3, 'webhook_event', e.id::text FROM webhook_events AS e WHERE e.id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END
    UNION ALL
    SELECT 1, 4, 'dead_letter', d.id FROM dead_letter_jobs AS d WHERE d.id = $1
    UNION ALL
    SELECT 1, 5, CASE d.job_type WHEN 'message_out' THEN 'message_out' ELSE 'webhook_event' END,
           coalesce(d.payload ->> 'message_out_id', d.payload ->> 'webhook_event_id')
    FROM dead_letter_jobs AS d WHERE d.id = $1
    UNION ALL
    (SELECT 1, 6, 'tenant', t.id FROM tenants AS t
     WHERE t.id = $1 OR t.whatsapp_phone_number = pgcourier_bare_address($1) OR t.name = $1
     ORDER BY (t.id = $1) DESC, t.id LIMIT 2)
    UNION ALL
    SELECT 2, 1, 'message_out', m.id FROM messages_out AS m WHERE m.provider_message_id = $1
    UNION ALL
    SELECT 2, 2, 'message_in', m.id FROM messages_in AS m WHERE m.provider_message_id = $1 AND m.duplicate_of IS NULL
    UNION ALL
    SELECT 2, 3, 'webhook_event', e.id::text FROM webhook_events AS e WHERE e.key = 'msg:' || $1
    UNION ALL
    -- By the index of event_log, which has a row for each of them.
    SELECT DISTINCT 3, CASE l.entity_type WHEN 'message_in' THEN 1 ELSE 2 END, l.entity_type, l.entity_id
    FROM event_log AS l
    WHERE l.correlation_id = $1 AND l.entity_type IN ('message_in', 'webhook_event') AND l.entity_id IS NOT NULL
    UNION ALL
    (SELECT 3, 3, 'message_out', m.id FROM messages_out AS m WHERE m.correlation_id = $1 ORDER BY m.seq LIMIT 10))
SELECT f.kind, f.id
FROM found AS f
WHERE f.nearness = (SELECT min(n.nearness) FROM found AS n) AND f.id IS NOT NULL
ORDER BY f.place, f.id
LIMIT 10;
