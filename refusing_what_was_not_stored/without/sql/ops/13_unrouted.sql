-- From number to number by the index, however many messages each has. Whoever may read the tenants sees whole numbers.
CREATE VIEW ops.unrouted AS
WITH RECURSIVE numbers (number) AS (
    (SELECT m."to" FROM messages_in AS m WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" IS NOT NULL ORDER BY m."to", m.seq LIMIT 1)
    UNION ALL
    SELECT (SELECT m."to" FROM messages_in AS m WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" > n.number ORDER BY m."to", m.seq LIMIT 1)
    FROM numbers AS n WHERE n.number IS NOT NULL)
SELECT CASE WHEN has_table_privilege('tenants'::regclass, 'SELECT') THEN n.number ELSE ops.masked(n.number) END AS number,
       c.messages, f.created_at AS first_at, l.created_at AS last_at,
       (SELECT t.id FROM tenants AS t WHERE t.whatsapp_phone_number = n.number) AS tenant_id
FROM (SELECT number FROM numbers WHERE number IS NOT NULL LIMIT 1000) AS n
CROSS JOIN LATERAL (SELECT count(*) AS messages
                    FROM (SELECT FROM messages_in AS m WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" = n.number
                          ORDER BY m.seq LIMIT 10000) AS k) AS c
CROSS JOIN LATERAL (SELECT m.created_at FROM messages_in AS m
                    WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" = n.number ORDER BY m.seq LIMIT 1) AS f
CROSS JOIN LATERAL (SELECT m.created_at FROM messages_in AS m
                    WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" = n.number ORDER BY m.seq DESC LIMIT 1) AS l;
COMMENT ON VIEW ops.unrouted IS 'Messages to numbers that no tenant has; they are attributed as soon as a tenant gets the number.';
COMMENT ON COLUMN ops.unrouted.number IS 'The number that was written to: give it to a tenant. Whole for whoever may read tenants, else masked.';
COMMENT ON COLUMN ops.unrouted.messages IS 'How many wait, counted to 10,000.';
COMMENT ON COLUMN ops.unrouted.first_at IS 'When the first of them was stored (UTC).';
COMMENT ON COLUMN ops.unrouted.last_at IS 'When the newest was stored (UTC).';
COMMENT ON COLUMN ops.unrouted.tenant_id IS 'Who has the number by now: they are being routed again, or SELECT ops.reroute(number) has it done. NULL: nobody.';
