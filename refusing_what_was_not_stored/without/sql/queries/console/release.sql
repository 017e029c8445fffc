-- console.release: sends a message that was held for a person. One JSON object.
-- $1 id text  $2 reason text (NULL: unsaid)  $3 who text
SELECT jsonb_build_object(
    'words', ops.release_message($1::text, $3::text, $2::text),
    'sql', format('SELECT ops.release_message(%s%s)', ops.sql_word($1), ', reason => ' || ops.sql_word($2)),
    'command', 'pgcourier outbox release ' || ops.shell_argument($1));
