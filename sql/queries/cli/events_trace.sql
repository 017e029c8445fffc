-- cli.events_trace: all that happened to one id, in order, from where the last look ended.
-- $1 id text  $2 rows already shown bigint
SELECT at, what, entity, detail, ms_since_previous
FROM ops.trace($1::text)
OFFSET $2::bigint;
