-- cli.dlq_discard: resolves it without doing anything.
-- $1 id text  $2 who text (NULL: the database user)  $3 reason text (NULL: none)
SELECT ops.discard_dead_letter($1::text, by => $2::text, reason => $3::text);
