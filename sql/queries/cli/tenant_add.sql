-- cli.tenant_add: a new tenant. Messages that were written to its number before are routed again by a trigger.
-- $1 name text  $2 number text (NULL: none)
INSERT INTO tenants (name, whatsapp_phone_number)
VALUES ($1::text, $2::text)
RETURNING id, name, whatsapp_phone_number AS number;
