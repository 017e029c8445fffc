-- cli.top_instances: the processes and what they hold, those that are silent first.
SELECT host, pid, version, roles, state, silent_seconds, in_flight, oldest_claim_seconds, unknown
FROM ops.instances
ORDER BY state DESC, host, pid
LIMIT 20;
