-- cli.tenant_find: the tenant that a person means by id, number or name.
-- $1 text
SELECT id, name FROM tenants
WHERE id = $1::text OR whatsapp_phone_number = pgcourier_bare_address($1::text) OR name = $1::text
ORDER BY (id = $1::text) DESC
LIMIT 2;
