-- cli.seller_add: from now on messages from this number are a seller's.
-- $1 tenant id text  $2 number text  $3 who text (NULL: the database user)
-- returns  no row: it was one already
WITH added AS (
    INSERT INTO seller_phones (tenant_id, phone_number)
    VALUES ($1::text, $2::text)
    ON CONFLICT (tenant_id, phone_number) DO NOTHING
    RETURNING tenant_id, phone_number)
SELECT ops.log_act('seller_added', 'tenant', a.tenant_id, a.tenant_id, NULL, NULL, $3::text,
                   jsonb_build_object('what', ops.masked(a.phone_number)))
FROM added AS a;
