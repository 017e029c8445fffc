-- console.trace: the film of one id, as one JSON object.
-- $1 id text
WITH found AS MATERIALIZED (
    SELECT row_number() OVER () AS place, f.kind, f.id, f.tenant_id, f.person, f.status, f.at, f.correlation_id, f.provider_message_id,
           f.body_characters, f.media, f.attempts, f.error_code, f.last_error, f.held_reason, f.event_id
    FROM ops.find($1::text, 10) AS f),
steps AS MATERIALIZED (
    SELECT row_number() OVER () AS place, t.at, t.what, t.entity, t.detail, t.ms_since_previous FROM ops.trace($1) AS t)
SELECT jsonb_build_object(
    'id', $1, 'is_known', e.is_known, 'sentence', e.words,
    'subjects', coalesce((
        SELECT jsonb_agg(jsonb_build_object('kind', f.kind, 'id', f.id, 'tenant_id', f.tenant_id, 'tenant_name', t.name, 'person', f.person,
                   'status', f.status, 'at', ops.utc(f.at), 'correlation_id', f.correlation_id, 'provider_message_id', f.provider_message_id,
                   'body_characters', f.body_characters, 'media', f.media, 'attempts', f.attempts, 'error_code', f.error_code,
                   'last_error', f.last_error, 'held_reason', f.held_reason, 'event_id', f.event_id,
                   'can', CASE f.kind
                       WHEN 'message_out' THEN to_jsonb(array_remove(ARRAY[
                           CASE WHEN f.status IN ('pending', 'failed') THEN 'cancel' END,
                           CASE WHEN f.status IN ('pending', 'failed') AND f.held_reason IS NOT NULL THEN 'release' END,
                           CASE WHEN f.status = 'unknown' THEN 'settle' END,
                           CASE WHEN l.id IS NOT NULL THEN 'retry' END,
                           'conversation', 'reveal_body', 'reveal_number'], NULL))
                       WHEN 'message_in' THEN to_jsonb(array_remove(ARRAY[
                           CASE WHEN f.tenant_id IS NOT NULL THEN 'conversation' END, 'reveal_body', 'reveal_number',
                           CASE WHEN f.event_id IS NOT NULL THEN 'reveal_raw' END], NULL))
                       ELSE to_jsonb(array_remove(ARRAY[CASE WHEN l.id IS NOT NULL THEN 'retry' END, 'reveal_raw'], NULL)) END,
                   'dead_letter_id', l.id) ORDER BY f.place)
        FROM found AS f
        LEFT JOIN ops.tenants AS t ON t.id = f.tenant_id
        LEFT JOIN LATERAL (SELECT d.id FROM ops.dead_letters AS d WHERE d.job_type = f.kind AND d.entity_id = f.id LIMIT 1) AS l ON true
        WHERE f.kind IN ('message_out', 'message_in', 'webhook_event')), '[]'),
    'steps', coalesce((
        SELECT jsonb_agg(jsonb_build_object('at', ops.utc(s.at), 'what', s.what, 'entity', s.entity, 'detail', s.detail,
                   'ms_since_previous', s.ms_since_previous) ORDER BY s.place)
        FROM (SELECT x.place, x.at, x.what, x.entity, x.detail, x.ms_since_previous FROM steps AS x ORDER BY x.place LIMIT 500) AS s), '[]'),
    'sql', format('SELECT * FROM ops.trace(%s)', ops.sql_word($1)), 'command', 'pgcourier trace ' || ops.shell_argument($1))
FROM ops.explanation($1) AS e;
