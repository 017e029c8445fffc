-- console.settle: what a person found out about a message of unknown outcome. One JSON object.
-- $1 id text  $2 whether it was sent boolean  $3 reason text (NULL: unsaid)  $4 who text
SELECT jsonb_build_object(
    'words', ops.settle_unknown($1::text, $2::boolean, $4::text, $3::text),
    'sql', format('SELECT ops.settle_unknown(%s, %s%s)', ops.sql_word($1), CASE WHEN $2 THEN 'true' ELSE 'false' END,
                  ', reason => ' || ops.sql_word($3)),
    'command', format('pgcourier outbox settle %s %s', CASE WHEN $2 THEN '--sent' ELSE '--not-sent' END, ops.shell_argument($1)));
