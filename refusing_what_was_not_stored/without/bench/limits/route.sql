-- limits/route: routing with all its effects in one statement that is a transaction of its own: claim, the lookups of tenant
-- and seller, messages_in, event_log and the wake, for events that are messages and were never there before.
-- :batch rows  :mark 0 at first
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > :mark AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT :batch
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_queue AS q WHERE q.id = ANY (ARRAY(SELECT n.id FROM next AS n))),
told AS MATERIALIZED (
    SELECT e.id, e.key, e."from", e."to", e.payload, e.correlation_id, t.id AS tenant_id,
           CASE WHEN t.id IS NULL THEN NULL
                WHEN EXISTS (SELECT FROM seller_phones AS s WHERE s.tenant_id = t.id AND s.phone_number = e."from") THEN 'seller'
                ELSE 'client' END AS message_type
    FROM next AS n
    CROSS JOIN LATERAL (
        SELECT w.id, w.key, w."from", w."to", w.payload, w.correlation_id
        FROM webhook_events AS w WHERE w.id = n.id OFFSET 0) AS e
    LEFT JOIN LATERAL (SELECT s.id FROM tenants AS s WHERE s.whatsapp_phone_number = e."to" OFFSET 0) AS t ON true
    ORDER BY n.id),
stored AS (
    INSERT INTO messages_in AS m (tenant_id, provider_message_id, "from", "to", body, profile_name, message_type, correlation_id,
                                  event_id)
    SELECT w.tenant_id, w.payload ->> 'MessageSid', w."from", w."to", w.payload ->> 'Body', w.payload ->> 'ProfileName',
           w.message_type, w.correlation_id, w.id
    FROM told AS w
    ON CONFLICT (provider_message_id) WHERE duplicate_of IS NULL DO NOTHING
    RETURNING m.id, m.tenant_id, m.correlation_id),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT s.tenant_id, 'webhook_received', 'message_in', s.id, s.correlation_id, 'system' FROM stored AS s)
SELECT max(n.id) AS mark, pg_notify('messages_in', '') AS woken FROM next AS n \gset
