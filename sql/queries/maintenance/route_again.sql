-- maintenance.route_again: queue what was stored without a tenant although one has the number: the tenant got it in a transaction that
-- overlapped with the routing, so that neither saw the other.
INSERT INTO webhook_queue (id)
SELECT m.event_id
FROM messages_in AS m
JOIN tenants AS t ON t.whatsapp_phone_number = m."to"
JOIN webhook_events AS e ON e.id = m.event_id
WHERE m.tenant_id IS NULL
ORDER BY m.event_id
LIMIT 10000
ON CONFLICT (id) DO NOTHING;
