-- outbox.renew: keeps the leases of messages that are still in flight.
-- $1 tenant ids text[]  $2 recipients text[]  $3 tokens text[]  $4 lease in ms bigint
-- In the order of seq, as everywhere; one that somebody has locked is renewed the next time, a third of a lease later.
WITH ours AS MATERIALIZED (
    SELECT l.tenant_id, l.recipient, l.unknown_since IS NULL AS is_in_flight
    FROM unnest($1::text[], $2::text[], $3::text[]) AS o (tenant_id, recipient, token)
    JOIN outbox_leases AS l ON l.tenant_id = ANY (ARRAY[o.tenant_id]) AND l.recipient BETWEEN o.recipient AND o.recipient
    WHERE l.token = o.token
    ORDER BY l.seq
    FOR NO KEY UPDATE OF l SKIP LOCKED)
UPDATE outbox_leases AS l
SET expires_at = clock_timestamp() + $4::bigint * interval '1 ms'
FROM ours AS o
WHERE o.is_in_flight AND l.tenant_id = ANY (ARRAY[o.tenant_id]) AND l.recipient BETWEEN o.recipient AND o.recipient;
