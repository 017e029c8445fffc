-- maintenance.other_instances: who else is there, or was and never said goodbye.
-- $1 our id text
SELECT i.id, i.host, i.pid, extract(epoch FROM clock_timestamp() - i.heartbeat_at) * 1000 AS silent_ms
FROM instances AS i
WHERE i.id <> $1::text
ORDER BY i.id;
