-- maintenance.erasure_refused: whose number this is, if it is not a person's like any other: a shop's or a seller's.
-- $1 address text
-- returns  the shop's name, whether the number is the shop's own
SELECT t.name, t.whatsapp_phone_number = $1::text AS is_shop
FROM tenants AS t
WHERE t.whatsapp_phone_number = $1
   OR EXISTS (SELECT FROM seller_phones AS s WHERE s.tenant_id = t.id AND s.phone_number IN ($1, 'whatsapp:' || $1))
ORDER BY 2 DESC, t.name;
