-- doctor.senders: the numbers that tenants send from, and how many tenants have none.
-- $1 how many numbers at most
SELECT t.number, (SELECT count(*) FROM tenants AS x WHERE x.whatsapp_phone_number IS NULL) AS without
FROM (SELECT NULL::text AS number, 0 AS place
      UNION ALL
      (SELECT y.whatsapp_phone_number, 1 FROM tenants AS y WHERE y.whatsapp_phone_number IS NOT NULL
       ORDER BY y.whatsapp_phone_number LIMIT $1::integer)) AS t
ORDER BY t.place, t.number;
