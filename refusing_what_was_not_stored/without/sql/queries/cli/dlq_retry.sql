-- cli.dlq_retry: makes it pending again.
-- $1 its id, or that of its message text  $2 who text (NULL: the database user)  $3 reason text (NULL: none)
SELECT ops.retry_dead_letter($1::text, by => $2::text, reason => $3::text);
