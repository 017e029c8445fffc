-- cli.tenant_change: another name or number. Messages that were written to the number before are routed again by a trigger.
-- $1 tenant's id text  $2 name text (NULL: as it is)  $3 number text (NULL: as it is)  $4 boolean: no number any more
UPDATE tenants
SET name = coalesce($2::text, name),
    whatsapp_phone_number = CASE WHEN $4::boolean THEN NULL ELSE coalesce($3::text, whatsapp_phone_number) END,
    updated_at = clock_timestamp() AT TIME ZONE 'UTC'
WHERE id = $1::text
RETURNING id, name, whatsapp_phone_number AS number;
