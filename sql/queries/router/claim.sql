-- router.claim: take the next events that never failed, with all that their routing depends on. The queue rows go in the
-- same transaction: they are back when it does not commit. The primary key of webhook_queue serves it, from the mark on,
-- so that it does not walk the index entries of rows that were routed before.
-- A seller who hides the number writes under a user id, and is known by WaId or ExternalUserId.
-- $1 mark bigint  $2 limit integer
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > $1::bigint AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_queue AS q USING next AS n WHERE q.id = n.id)
SELECT e.id, e.kind, e.format, CASE WHEN e.kind <> 'unrecognized' THEN e.raw END AS raw, e.query, e.received_at,
       e.correlation_id, t.id AS tenant_id,
       t.id IS NOT NULL AND e.kind = 'inbound' AND EXISTS (
           SELECT FROM seller_phones AS s
           WHERE s.tenant_id = t.id
             AND s.phone_number IN (e."from", '+' || (e.payload ->> 'WaId'),
                                    replace(e.payload ->> 'ExternalUserId', 'whatsapp:', ''))) AS is_seller
FROM next AS n
JOIN webhook_events AS e ON e.id = n.id
LEFT JOIN tenants AS t ON t.whatsapp_phone_number = CASE e.kind WHEN 'status' THEN e."from" ELSE e."to" END
ORDER BY n.id;
