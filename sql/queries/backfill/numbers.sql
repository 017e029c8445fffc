-- backfill.numbers: the numbers that people write to, in order.
-- $1 the number of those who have none text, or NULL
SELECT n.number
FROM (SELECT t.whatsapp_phone_number AS number FROM tenants AS t WHERE t.whatsapp_phone_number IS NOT NULL
      UNION
      SELECT $1::text WHERE $1 <> '') AS n
ORDER BY n.number COLLATE "C";
