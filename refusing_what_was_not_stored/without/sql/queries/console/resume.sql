-- console.resume: goes on with a scope. One JSON object.
-- $1 all, tenant or sender text  $2 its id; of a sender a number, or tenant:<id> for that tenant's text (NULL: none)  $3 reason text
-- $4 who text
SELECT jsonb_build_object(
    'words', ops.resume_sending($1::text, CASE WHEN $1 = 'sender' AND $2::text LIKE 'tenant:%'
        THEN (SELECT t.whatsapp_phone_number FROM tenants AS t WHERE t.id = substr($2, 8)) ELSE $2 END, $3::text, $4::text),
    'sql', CASE $1 WHEN 'sender' THEN format('SELECT ops.resume_sending(''sender'', number, %s)', ops.sql_word($3))
                   WHEN 'all' THEN format('SELECT ops.resume_sending(reason => %s)', ops.sql_word($3))
                   ELSE format('SELECT ops.resume_sending(''tenant'', %s, %s)', ops.sql_word($2), ops.sql_word($3)) END,
    'command', 'pgcourier resume' || CASE $1 WHEN 'all' THEN '' WHEN 'tenant' THEN coalesce(ops.shell_option('tenant', $2), '')
                                             ELSE ' --sender NUMBER' END || ops.shell_option('reason', $3));
