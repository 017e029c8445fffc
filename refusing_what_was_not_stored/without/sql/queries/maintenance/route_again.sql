-- maintenance.route_again: queue what was stored without a tenant although one has the number: the tenant got it in a transaction that
-- overlapped with the routing, so that neither saw the other. What became a dead letter meanwhile is left to a person.
INSERT INTO webhook_queue (id)
SELECT m.event_id
FROM messages_in AS m
JOIN tenants AS t ON t.whatsapp_phone_number = m."to"
JOIN webhook_events AS e ON e.id = m.event_id
WHERE m.tenant_id IS NULL AND m.message_type IS NULL
  AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d
                  WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = m.event_id::text)
ORDER BY m.event_id
LIMIT 10000
ON CONFLICT (id) DO NOTHING;
