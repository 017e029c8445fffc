-- cli.dlq_retry: makes it pending again.
-- $1 id text
SELECT ops.retry_dead_letter($1::text);
