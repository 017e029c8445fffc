-- cli.seller_add: from now on messages from this number are a seller's.
-- $1 tenant id text  $2 number text
INSERT INTO seller_phones (tenant_id, phone_number)
VALUES ($1::text, $2::text)
ON CONFLICT (tenant_id, phone_number) DO NOTHING
RETURNING id;
