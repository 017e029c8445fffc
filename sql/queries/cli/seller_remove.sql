-- cli.seller_remove: messages from this number are a client's again.
-- $1 tenant id text  $2 number text
DELETE FROM seller_phones
WHERE tenant_id = $1::text AND pgcourier_bare_address(phone_number) = pgcourier_bare_address($2::text)
RETURNING id;
