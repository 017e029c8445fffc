-- cli.optout_list: who is not written to, the newest first; numbers masked. Of an erased person there is no number.
-- $1 tenant id text (NULL: all)  $2 address text (NULL: all)  $3 limit bigint
SELECT t.name AS tenant, CASE WHEN o.phone_number LIKE 'erased:%' THEN 'erased' ELSE ops.masked(o.phone_number) END AS person,
       o.opted_out_at, coalesce(h.source, 'by hand') AS source
FROM opt_outs AS o
JOIN tenants AS t ON t.id = o.tenant_id
LEFT JOIN LATERAL (
    SELECT h.source FROM opt_out_history AS h
    WHERE h.tenant_id = o.tenant_id AND h.phone_number = o.phone_number
    ORDER BY h.occurred_at DESC, h.id DESC
    LIMIT 1) AS h ON true
WHERE ($1::text IS NULL OR o.tenant_id = $1::text)
  AND ($2::text IS NULL OR o.phone_number IN ($2::text, 'whatsapp:' || $2, pgcourier_erased_address(o.tenant_id, $2)))
ORDER BY o.opted_out_at DESC, o.id
LIMIT $3::bigint;
