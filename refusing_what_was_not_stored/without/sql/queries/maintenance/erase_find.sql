-- maintenance.erase_find: in some pages of the raw events, under which other addresses Twilio knew the person: the user id
-- of a number, the number of a user id, a number in its older form. Never a shop's or a seller's.
-- $1 first place tid  $2 end tid  $3 addresses text[]
SELECT DISTINCT a.address
FROM webhook_events AS e
CROSS JOIN LATERAL (
    SELECT '+' || (e.payload ->> 'WaId') AS number, pgcourier_bare_address(e.payload ->> 'ExternalUserId') AS user_id) AS k
CROSS JOIN LATERAL (VALUES (e."from"), (k.number), (k.user_id)) AS a (address)
WHERE e.ctid >= $1::tid AND e.ctid < $2::tid
  AND e.kind = 'inbound' AND (e."from" = ANY ($3::text[]) OR k.number = ANY ($3) OR k.user_id = ANY ($3))
  AND a.address <> ALL ($3)
  AND (a.address ~ '^\+[1-9][0-9]{7,14}$' OR a.address ~ '^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$')
  AND NOT EXISTS (SELECT FROM tenants AS t WHERE t.whatsapp_phone_number = a.address)
  AND NOT EXISTS (SELECT FROM seller_phones AS s WHERE s.phone_number = a.address);
