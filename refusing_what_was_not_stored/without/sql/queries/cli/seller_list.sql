-- cli.seller_list: the sellers of one tenant, or of all.
-- $1 tenant id text (NULL: all)
SELECT s.id, t.name AS tenant, s.phone_number AS number, s.created_at
FROM seller_phones AS s JOIN tenants AS t ON t.id = s.tenant_id
WHERE $1::text IS NULL OR s.tenant_id = $1::text
ORDER BY t.name, s.phone_number;
