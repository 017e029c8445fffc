-- cli.seller_remove: messages from this number are a client's again.
-- $1 tenant id text  $2 number text  $3 who text (NULL: the database user)
-- returns  no row: it was none
WITH removed AS (
    DELETE FROM seller_phones
    WHERE tenant_id = $1::text AND pgcourier_bare_address(phone_number) = pgcourier_bare_address($2::text)
    RETURNING id)
-- One act, also where the number stood there in two spellings.
SELECT ops.log_act('seller_removed', 'tenant', $1, $1, NULL, NULL, $3::text,
                   jsonb_build_object('what', ops.masked(pgcourier_bare_address($2))))
FROM removed
HAVING count(*) > 0;
