-- What routing needs to know of an event, for the statements that claim: one of them reads events in two ways.
-- A seller who hides the number writes under a user id, and is known by WaId or ExternalUserId.
-- A shop and its sellers, who are few, are looked up once for all events of a batch that are its (Memoize, for which PostgreSQL must
-- know how many values a key has): by the receiver of a message and, apart from it, by the sender of a callback.
-- OFFSET 0 keeps each lookup one, whatever the tables' sizes were when its plan was made.
CREATE VIEW routable_events AS
SELECT e.id, e.kind, e.format, CASE WHEN e.kind <> 'unrecognized' THEN e.raw END AS raw, e.query,
       coalesce(e.occurred_at, e.received_at) AS said_at, e.correlation_id, coalesce(t.id, s.id) AS tenant_id,
       coalesce(e.kind = 'inbound' AND t.sellers <> '{}'
                AND (e."from" = ANY (t.sellers) OR '+' || (e.payload ->> 'WaId') = ANY (t.sellers)
                     OR replace(e.payload ->> 'ExternalUserId', 'whatsapp:', '') = ANY (t.sellers)), false) AS is_seller,
       e.received_at, clock_timestamp() AS read_at
FROM webhook_events AS e
LEFT JOIN LATERAL (
    SELECT r.id, ARRAY(SELECT p.phone_number FROM seller_phones AS p WHERE p.tenant_id = r.id) AS sellers
    FROM tenants AS r WHERE r.whatsapp_phone_number = e."to" AND e.kind <> 'status' OFFSET 0) AS t ON true
LEFT JOIN LATERAL (
    SELECT r.id FROM tenants AS r WHERE r.whatsapp_phone_number = e."from" AND e.kind = 'status' OFFSET 0) AS s ON true;
COMMENT ON VIEW routable_events IS 'What routing needs to know of an event: its shop, and whether a seller wrote it.';
