-- maintenance.other_instances: who else is there, or was and never said goodbye. What one that receives webhooks and is silent may
-- have missed is to be written down after 30 s, and after an hour once more: until then whoever sends to it may not have noticed.
-- $1 our id text
-- returns  id, host, pid, how long ago it was last heard, how long ago the first webhook came that it may not have taken and that
--          is not written down (NULL: none), whether that is to be written down now; times in ms
SELECT i.id, i.host, i.pid, extract(epoch FROM n.now - i.heartbeat_at) * 1000 AS silent_ms,
       CASE WHEN w.receives AND w.told_at < i.heartbeat_at + interval '1 hour' THEN
           greatest((extract(epoch FROM n.now - greatest(least(i.heartbeat_at, i.refusing_since),
                                                         CASE WHEN w.told_at > i.heartbeat_at THEN w.told_at END)) * 1000)::bigint, 0)
       END AS missing_ms,
       w.receives AND (i.heartbeat_at < n.now - interval '30 s' AND w.told_at < i.heartbeat_at
                       OR i.heartbeat_at < n.now - interval '1 hour' AND w.told_at < i.heartbeat_at + interval '1 hour') AS is_to_be_told
FROM instances AS i
CROSS JOIN LATERAL (SELECT 'webhook' = ANY (string_to_array(i.roles, ',')) AS receives, coalesce(i.told_at, '-infinity') AS told_at) AS w,
     (SELECT clock_timestamp() AS now) AS n
WHERE i.id <> $1::text
ORDER BY i.id;
