-- router.claim: take the next events that never failed, with all that their routing depends on. The queue rows go in the
-- same transaction: they are back when it does not commit. The primary key of webhook_queue serves it, from the mark on,
-- so that it does not walk the index entries of rows that were routed before.
-- OFFSET 0 keeps each lookup inside its own sub-select: a join that was planned while the tables were nearly empty could
-- be turned round, and then walks all of webhook_events for each batch.
-- A seller who hides the number writes under a user id, and is known by WaId or ExternalUserId. A shop's sellers, who are few, are
-- looked up once for all events of the batch that are its (Memoize): each event's own look took half of the statement's time.
-- $1 mark bigint  $2 limit integer
-- returns  the events in no order
-- rows: binary
WITH next AS MATERIALIZED (
    SELECT q.id FROM webhook_queue AS q
    WHERE q.id > $1::bigint AND q.due_at IS NULL
    ORDER BY q.id
    LIMIT $2::integer
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_queue AS q WHERE q.id = ANY (ARRAY(SELECT n.id FROM next AS n)))
SELECT e.id, e.kind, e.format, CASE WHEN e.kind <> 'unrecognized' THEN e.raw END AS raw, e.query,
       coalesce(e.occurred_at, e.received_at) AS said_at, e.correlation_id, t.id AS tenant_id,
       coalesce(e.kind = 'inbound' AND t.sellers <> '{}'
                AND (e."from" = ANY (t.sellers) OR '+' || (e.payload ->> 'WaId') = ANY (t.sellers)
                     OR replace(e.payload ->> 'ExternalUserId', 'whatsapp:', '') = ANY (t.sellers)), false) AS is_seller,
       e.received_at, clock_timestamp() AS read_at
FROM next AS n
CROSS JOIN LATERAL (
    SELECT w.id, w.kind, w.format, w.raw, w.query, w.payload, w.received_at, w.occurred_at, w.correlation_id, w."from",
           CASE w.kind WHEN 'status' THEN w."from" ELSE w."to" END AS shop
    FROM webhook_events AS w WHERE w.id = n.id OFFSET 0) AS e
LEFT JOIN LATERAL (
    SELECT s.id, ARRAY(SELECT p.phone_number FROM seller_phones AS p WHERE p.tenant_id = s.id) AS sellers
    FROM tenants AS s WHERE s.whatsapp_phone_number = e.shop OFFSET 0) AS t ON true;
