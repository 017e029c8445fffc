-- cli.pause: pauses sending.
-- $1 all, tenant or sender text  $2 id or number text, or NULL  $3 reason text, or NULL  $4 who text (NULL: the database user)
SELECT ops.pause_sending($1::text, $2::text, $3::text, $4::text);
