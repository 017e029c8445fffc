-- cli.outbox_settle: what a person found out about a message of unknown outcome.
-- $1 id text  $2 whether it was sent boolean  $3 who text (NULL: the database user)
SELECT ops.settle_unknown($1::text, $2::boolean, $3::text);
