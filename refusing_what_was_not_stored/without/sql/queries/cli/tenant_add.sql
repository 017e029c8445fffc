-- cli.tenant_add: a new tenant. Messages that were written to its number before are routed again by a trigger.
-- $1 name text  $2 number text (NULL: none)  $3 who text (NULL: the database user)
WITH added AS (
    INSERT INTO tenants (name, whatsapp_phone_number)
    VALUES ($1::text, $2::text)
    RETURNING id, name, whatsapp_phone_number AS number)
SELECT a.id, a.name, a.number
FROM added AS a
CROSS JOIN LATERAL ops.log_act('tenant_added', 'tenant', a.id, a.id, NULL, NULL, $3::text, jsonb_build_object('what',
    format('name %s, number %s', ops.masked_text(a.name), coalesce(ops.masked(a.number), 'none')))) AS l;
