-- maintenance.erase_go_on: what was written to the person since, and stood behind what was taken back, may go. It waits for a claim
-- that has that locked, for lock_timeout at most.
-- $1 tenant ids text[]  $2 recipients text[]
SELECT pgcourier_promote(c.tenant_id, c.recipient), pg_notify('messages_out', '')
FROM (SELECT DISTINCT f.tenant_id, f.recipient FROM unnest($1::text[], $2::text[]) AS f (tenant_id, recipient)) AS c;
