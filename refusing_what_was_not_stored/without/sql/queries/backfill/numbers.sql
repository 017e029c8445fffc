-- backfill.numbers: the numbers that people write to, in order. For a gap, also those that no tenant has now, whose messages wait
-- for one as their webhooks' would: a thousand that messages wait at already, and those that a tenant has left in the gap, after
-- it, or within 30 days before. What is no number Twilio would refuse each time.
-- Serves from messages_in_unrouted_idx, from number to number, however many messages each has.
-- $1 the number of those who have none text, or NULL  $2 the gap's since, ms since 1970 bigint; NULL: only numbers that somebody has
WITH RECURSIVE unrouted (number) AS (
    (SELECT m."to" FROM messages_in AS m
     WHERE $2::bigint IS NOT NULL AND m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" IS NOT NULL
     ORDER BY m."to", m.seq LIMIT 1)
    UNION ALL
    SELECT (SELECT m."to" FROM messages_in AS m
            WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" > u.number
            ORDER BY m."to", m.seq LIMIT 1)
    FROM unrouted AS u WHERE u.number IS NOT NULL),
nobodys AS (
    (SELECT u.number FROM unrouted AS u WHERE u.number IS NOT NULL LIMIT 1000)
    UNION
    SELECT f.number FROM former_numbers AS f
    WHERE f.left_at >= to_timestamp($2::bigint / 1000.0) - interval '30 days')
SELECT n.number
FROM (SELECT t.whatsapp_phone_number AS number FROM tenants AS t WHERE t.whatsapp_phone_number IS NOT NULL
      UNION
      SELECT $1::text WHERE $1::text <> ''
      UNION
      SELECT x.number FROM nobodys AS x WHERE x.number ~ '^\+[1-9][0-9]{7,14}$') AS n
ORDER BY n.number COLLATE "C";
