-- console.search: what an id, a name or a whole number means, as one JSON object.
-- $1 words text
WITH found AS MATERIALIZED (
    SELECT row_number() OVER () AS place, f.kind, f.id, f.tenant_id, f.person, f.status, f.at, f.correlation_id FROM ops.find($1::text) AS f)
SELECT jsonb_build_object(
    'asked_for', CASE WHEN EXISTS (SELECT FROM found AS f WHERE f.kind IN ('message_in', 'message_out', 'webhook_event', 'dead_letter')
                                                            AND $1 IN (f.id, f.correlation_id)) THEN 'id'
                      WHEN btrim($1) ~ '^(whatsapp:)?(\+|00)[0-9 ().\u00a0\u2009\u202f/-]{8,}$' OR btrim($1) ~ '^(whatsapp:)?[A-Z]{2}\.' THEN 'person' ELSE 'id' END,
    'is_complete', NOT EXISTS (SELECT FROM found AS f WHERE f.kind = 'more'),
    'matches', coalesce((
        SELECT jsonb_agg(jsonb_build_object('kind', f.kind, 'id', f.id, 'tenant_id', f.tenant_id, 'tenant_name', t.name, 'person', f.person,
                   'status', f.status, 'at', ops.utc(f.at), 'correlation_id', f.correlation_id) ORDER BY f.place)
        FROM found AS f LEFT JOIN ops.tenants AS t ON t.id = f.tenant_id
        WHERE f.kind <> 'more'), '[]'),
    'sql', CASE WHEN btrim($1) ~ '^(whatsapp:)?(\+|00)[0-9 ().\u00a0\u2009\u202f/-]{8,}$' THEN 'SELECT * FROM ops.find(number)'
                ELSE format('SELECT * FROM ops.find(%s)', ops.sql_word($1)) END,
    'command', CASE WHEN btrim($1) ~ '^(whatsapp:)?(\+|00)[0-9 ().\u00a0\u2009\u202f/-]{8,}$' THEN NULL ELSE 'pgcourier show ' || ops.shell_argument($1) END);
