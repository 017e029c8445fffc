-- console.settle: what a person found out about a message of unknown outcome. One JSON object.
-- $1 id text  $2 whether it was sent boolean  $3 who text
SELECT jsonb_build_object('words', ops.settle_unknown($1::text, $2::boolean, $3::text), 'sql', format('SELECT ops.settle_unknown(%s, %s)', ops.sql_word($1), $2),
                          'command', 'pgcourier outbox settle' || CASE WHEN $2 THEN ' --sent ' ELSE ' --not-sent ' END || ops.shell_argument($1));
