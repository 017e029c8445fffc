-- cli.outbox_release: sends a message that was held for a person.
-- $1 id text
SELECT ops.release_message($1::text);
