-- console.conversation: the messages of one tenant with one person, newest first, as one JSON object; NULL: there is no such message.
-- $1 id of a message with them text  $2 the tenant that it must be of text (NULL: any)
-- $3 before: time text (NULL: the newest)  $4 before: id text  $5 limit integer
WITH found AS MATERIALIZED (
    SELECT row_number() OVER () AS place, c.id, c.direction, c.at, c.status, c.error_code, c.last_error, c.body_characters, c.media,
           c.correlation_id, c.tenant_id, c.person, c.is_opted_out
    FROM ops.conversation($1::text, $3::text::timestamptz, $4::text, $5::integer + 1) AS c
    WHERE $2::text IS NULL OR c.tenant_id = $2),
page AS MATERIALIZED (SELECT f.* FROM found AS f WHERE f.direction <> 'more' ORDER BY f.place LIMIT $5)
SELECT jsonb_build_object(
    'tenant_id', a.tenant_id, 'tenant_name', (SELECT t.name FROM ops.tenants AS t WHERE t.id = a.tenant_id), 'person', a.person,
    'is_opted_out', a.is_opted_out, 'is_complete', NOT EXISTS (SELECT FROM found AS f WHERE f.direction = 'more'),
    'next', CASE WHEN (SELECT count(*) FROM found AS f WHERE f.direction <> 'more') > $5
                 THEN (SELECT ops.cursor(ops.utc(p.at), p.id) FROM page AS p ORDER BY p.place DESC LIMIT 1) END,
    'messages', coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', p.id, 'direction', p.direction, 'at', ops.utc(p.at), 'status', p.status,
                   'error_code', p.error_code, 'last_error', p.last_error, 'body_characters', p.body_characters, 'media', p.media,
                   'correlation_id', p.correlation_id) ORDER BY p.place)
        FROM page AS p), '[]'),
    'sql', format('SELECT * FROM ops.conversation(%s)', ops.sql_word($1)), 'command', NULL)
FROM found AS a ORDER BY a.place LIMIT 1;
