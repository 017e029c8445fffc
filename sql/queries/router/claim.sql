-- router.claim: take the next events that never failed, with all that their routing depends on. The queue rows go in the
-- same transaction: they are back when it does not commit. The primary key of webhook_queue serves it, from the mark on,
-- so that it does not walk the index entries of rows that were routed before.
-- OFFSET 0 keeps each lookup inside its own sub-select: a join that was planned while the tables were nearly empty could
-- be turned round, and then walks all of webhook_events for each batch.
-- A seller who hides the number writes under a user id, and is known by WaId or ExternalUserId.
-- $1 mark bigint  $2 limit integer
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > $1::bigint AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_queue AS q WHERE q.id = ANY (ARRAY(SELECT n.id FROM next AS n)))
SELECT e.id, e.kind, e.format, CASE WHEN e.kind <> 'unrecognized' THEN e.raw END AS raw, e.query,
       coalesce(e.occurred_at, e.received_at) AS received_at,
       e.correlation_id, t.id AS tenant_id,
       t.id IS NOT NULL AND e.kind = 'inbound' AND EXISTS (
           SELECT FROM seller_phones AS s
           WHERE s.tenant_id = t.id
             AND s.phone_number IN (e."from", '+' || (e.payload ->> 'WaId'),
                                    replace(e.payload ->> 'ExternalUserId', 'whatsapp:', ''))) AS is_seller,
       (extract(epoch FROM clock_timestamp() - e.received_at) * 1000000)::bigint AS age_us
FROM next AS n
CROSS JOIN LATERAL (
    SELECT w.id, w.kind, w.format, w.raw, w.query, w.payload, w.received_at, w.occurred_at, w.correlation_id, w."from",
           CASE w.kind WHEN 'status' THEN w."from" ELSE w."to" END AS shop
    FROM webhook_events AS w WHERE w.id = n.id OFFSET 0) AS e
LEFT JOIN LATERAL (SELECT s.id FROM tenants AS s WHERE s.whatsapp_phone_number = e.shop OFFSET 0) AS t ON true
ORDER BY n.id;
