-- cli.events_trace: all that happened to one id, in order.
-- $1 id text
SELECT at, what, entity, detail, ms_since_previous
FROM ops.trace($1::text);
