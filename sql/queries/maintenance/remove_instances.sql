-- maintenance.remove_instances: forgets processes that have ended.
-- $1 ids text[]
-- returns  how long ago the first of those that received webhooks last said that it lived, ms; NULL: none received
WITH gone AS (
    DELETE FROM instances WHERE id = ANY ($1::text[]) RETURNING roles, heartbeat_at)
SELECT (extract(epoch FROM clock_timestamp() - min(g.heartbeat_at)) * 1000)::bigint AS silent_ms
FROM gone AS g WHERE 'webhook' = ANY (string_to_array(g.roles, ','));
