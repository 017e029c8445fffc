-- console.release: sends a message that was held for a person. One JSON object.
-- $1 id text  $2 who text
SELECT jsonb_build_object('words', ops.release_message($1::text, $2::text), 'sql', format('SELECT ops.release_message(%s)', ops.sql_word($1)),
                          'command', 'pgcourier outbox release ' || ops.shell_argument($1));
