CREATE VIEW ops.instances AS
SELECT i.id, i.host, i.pid, i.version, i.roles, i.started_at,
       -- One that was heard while this statement ran is not silent for less than nothing.
       greatest(extract(epoch FROM now() - i.heartbeat_at), 0)::numeric(12, 1) AS silent_seconds,
       coalesce(l.in_flight, 0) AS in_flight, i.heartbeat_at,
       CASE WHEN i.heartbeat_at < now() - interval '30 s' THEN 'silent' ELSE 'running' END AS state,
       extract(epoch FROM now() - l.oldest_claim_at)::numeric(12, 1) AS oldest_claim_seconds,
       coalesce(l.unknown, 0) AS unknown
FROM instances AS i
LEFT JOIN (SELECT h.instance_id, count(*) FILTER (WHERE h.unknown_since IS NULL) AS in_flight,
                  count(*) FILTER (WHERE h.unknown_since IS NOT NULL) AS unknown,
                  min(h.claimed_at) FILTER (WHERE h.unknown_since IS NULL) AS oldest_claim_at
           FROM (SELECT instance_id, unknown_since, claimed_at FROM outbox_leases LIMIT 10000) AS h
           GROUP BY h.instance_id) AS l ON l.instance_id = i.id;
COMMENT ON VIEW ops.instances IS 'The running processes, when each was last heard, and what they hold.';
COMMENT ON COLUMN ops.instances.id IS 'A new one at each start.';
COMMENT ON COLUMN ops.instances.host IS 'Where it runs.';
COMMENT ON COLUMN ops.instances.pid IS 'Its process there.';
COMMENT ON COLUMN ops.instances.version IS 'The version of the program.';
COMMENT ON COLUMN ops.instances.roles IS 'What it does: webhook, router, sender.';
COMMENT ON COLUMN ops.instances.started_at IS 'Since when.';
COMMENT ON COLUMN ops.instances.silent_seconds IS 'How long ago it was last heard; each few seconds when it is well.';
COMMENT ON COLUMN ops.instances.in_flight IS 'Messages that it is sending right now.';
COMMENT ON COLUMN ops.instances.heartbeat_at IS 'When it was last heard.';
COMMENT ON COLUMN ops.instances.state IS 'running; silent: not heard for 30 s. A row whose process ended without a word goes at the next start of another, or after an hour where another has its roles.';
COMMENT ON COLUMN ops.instances.oldest_claim_seconds IS 'How long ago it took the oldest of these.';
COMMENT ON COLUMN ops.instances.unknown IS 'Messages that it sent and whose outcome is not known.';
