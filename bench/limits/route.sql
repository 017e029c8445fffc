-- limits/route: routing with all its effects in one statement that is a transaction of its own: claim, the lookups of tenant
-- and seller, messages_in, event_log and the wake, for events that are messages and were never there before. By one range, as the
-- router does, whose ids are 1, 2, 3… here.
-- :batch rows  :mark 0 at first
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > :mark AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT :batch
    FOR UPDATE SKIP LOCKED),
span AS MATERIALIZED (
    SELECT min(n.id) AS first, max(n.id) AS last, max(n.id) - min(n.id) + 1 = count(*) AS is_whole FROM next AS n),
gone AS (
    DELETE FROM webhook_queue AS q
    WHERE q.id BETWEEN (SELECT s.first FROM span AS s) AND (SELECT s.last FROM span AS s)
      AND ((SELECT s.is_whole FROM span AS s) OR q.id IN (SELECT n.id FROM next AS n))),
told AS MATERIALIZED (
    SELECT e.id, e.key, e."from", e."to", e.payload, e.correlation_id, t.id AS tenant_id,
           CASE WHEN t.id IS NULL THEN NULL
                WHEN e."from" = ANY (t.sellers) THEN 'seller'
                ELSE 'client' END AS message_type
    FROM webhook_events AS e
    LEFT JOIN LATERAL (
        SELECT r.id, ARRAY(SELECT p.phone_number FROM seller_phones AS p WHERE p.tenant_id = r.id) AS sellers
        FROM tenants AS r WHERE r.whatsapp_phone_number = e."to" OFFSET 0) AS t ON true
    WHERE e.id BETWEEN (SELECT s.first FROM span AS s) AND (SELECT s.last FROM span AS s)
      AND ((SELECT s.is_whole FROM span AS s) OR e.id IN (SELECT n.id FROM next AS n))
    ORDER BY e.id),
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
