-- Counts are bounded, so that neither a thousand shops nor one with a million messages makes it slow: what waits is counted
-- whole while it is little in all. An ORDER BY before a LIMIT keeps it to the index: a bitmap would be made of all rows first.
-- So does a LIMIT that the planner does not know, (SELECT 1000): one that it knows to be above what a shop has means all rows to it.
CREATE VIEW ops.tenants AS
WITH most AS MATERIALIZED (
    SELECT CASE WHEN count(*) > 20000 THEN 50 ELSE 20000 END AS counted
    FROM (SELECT FROM outbox_queue AS q ORDER BY q.due_at, q.seq LIMIT 20001) AS a)
SELECT t.id, t.name,
       CASE WHEN has_table_privilege('tenants'::regclass, 'SELECT') THEN t.whatsapp_phone_number
            ELSE ops.masked(t.whatsapp_phone_number) END AS number,
       coalesce(e.sellers, 0) AS sellers,
       (SELECT count(*) FROM (SELECT FROM opt_outs AS o WHERE o.tenant_id = t.id ORDER BY o.phone_number LIMIT (SELECT 1000)) AS k) AS opted_out,
       (SELECT count(*)
        FROM (SELECT FROM outbox_queue AS q WHERE q.tenant_id = t.id ORDER BY q.due_at, q.seq
              LIMIT (SELECT m.counted FROM most AS m)) AS w) AS waiting,
       coalesce(f.in_flight, 0) AS in_flight,
       (SELECT extract(epoch FROM now() - q.due_at)::numeric(12, 1) FROM outbox_queue AS q
        WHERE q.tenant_id = t.id AND q.due_at <= now() ORDER BY q.due_at, q.seq LIMIT 1) AS oldest_due_seconds,
       coalesce(g.dead_letters, 0) AS dead_letters,
       (SELECT string_agg(concat_ws(' ', p.kind, 'by', p.paused_by, 'since', to_char(p.paused_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
                          '; ' ORDER BY p.paused_at)
        FROM outbox_pauses AS p
        WHERE (p.kind, p.id) IN (('all', ''), ('tenant', t.id), ('sender', n.number))) AS paused,
       s.opened_at AS breaker_open_since, CASE WHEN s.calls < 1024 THEN s.calls END AS calls_at_once
FROM tenants AS t
LEFT JOIN (SELECT p.tenant_id, count(*) AS sellers FROM seller_phones AS p GROUP BY p.tenant_id) AS e ON e.tenant_id = t.id
JOIN tenant_senders AS n ON n.tenant_id = t.id
LEFT JOIN outbox_scopes AS s ON s.scope = 'sender:' || n.number
LEFT JOIN (SELECT l.tenant_id, count(*) AS in_flight
           FROM (SELECT x.tenant_id FROM outbox_leases AS x WHERE x.unknown_since IS NULL LIMIT 10000) AS l
           GROUP BY l.tenant_id) AS f ON f.tenant_id = t.id
LEFT JOIN (SELECT d.tenant_id, count(*) AS dead_letters
           FROM (SELECT x.tenant_id FROM dead_letter_jobs AS x
                 WHERE x.resolved_at IS NULL ORDER BY x.created_at DESC LIMIT 10000) AS d
           GROUP BY d.tenant_id) AS g ON g.tenant_id = t.id;
COMMENT ON VIEW ops.tenants IS 'The shops: load, limits, pauses, opt-outs. Counts are bounded, as their columns say.';
COMMENT ON COLUMN ops.tenants.id IS 'For ops.pause_sending(''tenant'', id).';
COMMENT ON COLUMN ops.tenants.name IS 'Its name.';
COMMENT ON COLUMN ops.tenants.number IS 'The number that it receives at and sends from; NULL: it sends from TWILIO_WHATSAPP_NUMBER. Whole for whoever may read tenants, else masked.';
COMMENT ON COLUMN ops.tenants.sellers IS 'Numbers of its sellers.';
COMMENT ON COLUMN ops.tenants.opted_out IS 'People who said STOP to it, counted to 1,000.';
COMMENT ON COLUMN ops.tenants.waiting IS 'Its messages that wait to be sent; counted to 50 when more than 20,000 wait in all.';
COMMENT ON COLUMN ops.tenants.in_flight IS 'Its messages that are being sent right now.';
COMMENT ON COLUMN ops.tenants.oldest_due_seconds IS 'How long the one that has been due longest has been so; NULL: none is due.';
COMMENT ON COLUMN ops.tenants.dead_letters IS 'What was given up of it and waits for a person, among the newest 10,000 of all.';
COMMENT ON COLUMN ops.tenants.paused IS 'What of its sending a person has paused (all, tenant or sender), who and when; NULL: nothing.';
COMMENT ON COLUMN ops.tenants.breaker_open_since IS 'Its number does not work since then, nothing but probes is sent from it; NULL: it works. See ops.breakers.';
COMMENT ON COLUMN ops.tenants.calls_at_once IS 'So many of its messages may be in flight at the same time, since its number has just begun or failed; NULL: no limit.';
