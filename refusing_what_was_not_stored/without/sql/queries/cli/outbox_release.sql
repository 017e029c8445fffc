-- cli.outbox_release: sends a message that was held for a person.
-- $1 id text  $2 who text (NULL: the database user)
SELECT ops.release_message($1::text, $2::text);
