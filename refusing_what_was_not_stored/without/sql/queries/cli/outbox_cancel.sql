-- cli.outbox_cancel: takes back a message that was not sent yet.
-- $1 id text  $2 reason text (NULL: none)  $3 who text (NULL: the database user)
SELECT ops.cancel_message($1::text, $2::text, $3::text);
