-- cli.dlq_discard: resolves it without doing anything.
-- $1 id text  $2 reason text (NULL: none)
SELECT ops.discard_dead_letter($1::text, $2::text);
