-- console.cancel: takes back a message that was not sent yet. One JSON object.
-- $1 id text  $2 reason text  $3 who text
SELECT jsonb_build_object(
    'words', ops.cancel_message($1::text, $2::text, $3::text),
    'sql', format('SELECT ops.cancel_message(%s, %s)', ops.sql_word($1), ops.sql_word($2)),
    'command', format('pgcourier outbox cancel%s %s', ops.shell_option('reason', $2), ops.shell_argument($1)));
