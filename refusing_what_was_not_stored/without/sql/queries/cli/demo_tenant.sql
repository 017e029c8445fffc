-- cli.demo_tenant: the tenant and the seller of `pgcourier dev`, once.
-- $1 id text  $2 number text  $3 seller's number text
WITH tenant AS (
    INSERT INTO tenants (id, name, whatsapp_phone_number)
    VALUES ($1::text, 'Demo shop', $2::text)
    ON CONFLICT DO NOTHING)
INSERT INTO seller_phones (tenant_id, phone_number)
SELECT $1::text, $3::text
WHERE NOT EXISTS (SELECT FROM seller_phones WHERE tenant_id = $1::text AND phone_number = $3::text);
