-- cli.outbox_settle: what a person found out about a message of unknown outcome.
-- $1 id text  $2 whether it was sent boolean
SELECT ops.settle_unknown($1::text, $2::boolean);
