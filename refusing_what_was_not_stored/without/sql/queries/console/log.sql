-- console.log: a page of event_log, newest first, as one JSON object.
-- $1 tenant id text (NULL: any)  $2 type text (NULL: any)  $3 correlation id text (NULL: any)  $4 since text (NULL: ever)
-- $5 until text (NULL: now)  $6 before: time text (NULL: the newest)  $7 before: id text  $8 only what people did boolean
-- $9 limit integer
WITH found AS MATERIALIZED (
    SELECT row_number() OVER () AS place, l.id, l.at, l.event_type, l.entity_type, l.entity_id, l.tenant_id, l.correlation_id, l.actor_type,
           l.by, l.reason, l.detail
    FROM ops.log($1::text, $2::text, $3::text, $4::text::timestamptz, $5::text::timestamptz, $6::text::timestamptz, $7::text, $8::boolean,
                 $9::integer + 1) AS l),
page AS MATERIALIZED (SELECT f.* FROM found AS f WHERE f.event_type <> 'more' OR f.actor_type IS NOT NULL ORDER BY f.place LIMIT $9),
ending AS MATERIALIZED (SELECT f.at, f.id FROM found AS f WHERE f.event_type = 'more' AND f.actor_type IS NULL)
SELECT jsonb_build_object(
    'items', coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', p.id, 'at', ops.utc(p.at), 'type', p.event_type, 'entity_type', p.entity_type,
                   'entity_id', p.entity_id, 'tenant_id', p.tenant_id, 'tenant_name', t.name, 'correlation_id', p.correlation_id, 'actor_type', p.actor_type,
                   'by', p.by, 'reason', p.reason, 'detail', p.detail) ORDER BY p.place)
        FROM page AS p LEFT JOIN ops.tenants AS t ON t.id = p.tenant_id), '[]'),
    'next', CASE WHEN EXISTS (SELECT FROM found AS f WHERE f.place > $9 AND f.actor_type IS NOT NULL)
                 THEN (SELECT ops.cursor(ops.utc(p.at), p.id) FROM page AS p ORDER BY p.place DESC LIMIT 1)
                 ELSE (SELECT ops.cursor(ops.utc(e.at), e.id) FROM ending AS e) END,
    'is_complete', NOT EXISTS (SELECT FROM ending), 'looked_to', (SELECT ops.utc(e.at) FROM ending AS e),
    'sql', 'SELECT * FROM ops.log('
           || concat_ws(', ', 'tenant => ' || ops.sql_word($1), 'type => ' || ops.sql_word($2), 'correlation => ' || ops.sql_word($3),
                        'since => ' || ops.sql_word($4), 'until => ' || ops.sql_word($5), CASE WHEN $8 THEN 'only_people => true' END) || ')',
    'command', CASE WHEN $3 IS NOT NULL THEN 'pgcourier events' || ops.shell_option('correlation', $3)
                    WHEN NOT $8 AND $2 IS NULL THEN 'pgcourier events' || coalesce(ops.shell_option('tenant', $1), '') END);
