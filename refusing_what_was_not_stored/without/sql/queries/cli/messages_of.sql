-- cli.messages_of: the newest messages to and from one person.
-- $1 number text
SELECT at, direction, tenant_id, id, status, reason, correlation_id
FROM ops.messages_of($1::text, NULL, 50);
