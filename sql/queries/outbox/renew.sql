-- outbox.renew: keeps the leases of messages that are still in flight.
-- $1 tenant ids text[]  $2 recipients text[]  $3 tokens text[]  $4 lease in ms bigint
UPDATE outbox_leases AS l
SET expires_at = clock_timestamp() + $4::bigint * interval '1 ms'
FROM unnest($1::text[], $2::text[], $3::text[]) AS o (tenant_id, recipient, token)
WHERE l.tenant_id = o.tenant_id AND l.recipient = o.recipient AND l.token = o.token AND l.unknown_since IS NULL;
