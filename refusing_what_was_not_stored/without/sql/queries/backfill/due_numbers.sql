-- backfill.due_numbers: the numbers that something is to be sent from soon: a STOP to one of these is needed first. A look into
-- an index for each tenant, however much waits.
-- $1 the number of those who have none text, or NULL
SELECT DISTINCT coalesce(t.whatsapp_phone_number, $1::text, '') AS number
FROM tenants AS t
WHERE EXISTS (SELECT FROM outbox_queue AS q WHERE q.tenant_id = t.id AND q.due_at <= now() + interval '30 s');
