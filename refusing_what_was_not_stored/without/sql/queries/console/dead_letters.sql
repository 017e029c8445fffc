-- console.dead_letters: those that nobody resolved, newest first, and their groups, as one JSON object.
-- $1 reason text (NULL: any)  $2 job type text (NULL: any)  $3 tenant id text (NULL: any)  $4 code integer (NULL: any)
-- $5 before: time text (NULL: the newest)  $6 before: id text  $7 limit integer
WITH found AS MATERIALIZED (
    SELECT d.id, d.tenant_id, d.job_type, d.entity_id, d.reason, d.code, d.attempts, d.was_sent, d.recipient, d.created_at, d.correlation_id
    FROM ops.dead_letters AS d
    WHERE ($1::text IS NULL OR coalesce(d.reason, '') = $1) AND ($2::text IS NULL OR d.job_type = $2) AND ($3::text IS NULL OR d.tenant_id = $3)
      AND ($4::integer IS NULL OR d.code = $4)
      AND ($5::text IS NULL OR (d.created_at, d.id) < ($5::text::timestamptz AT TIME ZONE 'UTC', $6::text))
    ORDER BY d.created_at DESC, d.id DESC
    LIMIT $7::integer + 1),
page AS MATERIALIZED (SELECT f.* FROM found AS f ORDER BY f.created_at DESC, f.id DESC LIMIT $7),
groups AS MATERIALIZED (
    SELECT r.job_type, r.reason, sum(r.dead_letters)::bigint AS count, sum(sum(r.dead_letters)) OVER () AS of_all, min(r.first_at) AS first_at, max(r.last_at) AS last_at,
           (array_agg(r.example ORDER BY r.last_at DESC))[1] AS example
    FROM ops.dead_letter_reasons AS r GROUP BY r.job_type, r.reason ORDER BY 3 DESC, 5 DESC LIMIT 100)
SELECT jsonb_build_object(
    'groups', coalesce((
        SELECT jsonb_agg(jsonb_build_object('job_type', g.job_type, 'reason', coalesce(g.reason, ''), 'count', g.count, 'first_at', ops.utc(g.first_at AT TIME ZONE 'UTC'),
                   'last_at', ops.utc(g.last_at AT TIME ZONE 'UTC'), 'example', g.example) ORDER BY g.count DESC, g.last_at DESC)
        FROM groups AS g), '[]'),
    'items', coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', p.id, 'tenant_id', p.tenant_id, 'tenant_name', t.name, 'job_type', p.job_type,
                   'entity_id', p.entity_id, 'reason', coalesce(p.reason, ''), 'code', p.code, 'attempts', p.attempts, 'was_sent', p.was_sent,
                   'person', p.recipient, 'at', ops.utc(p.created_at AT TIME ZONE 'UTC'), 'correlation_id', p.correlation_id,
                   'sql', format('SELECT ops.retry_dead_letter(%s)', ops.sql_word(p.id)), 'command', 'pgcourier dlq retry ' || ops.shell_argument(p.id))
               ORDER BY p.created_at DESC, p.id DESC)
        FROM page AS p LEFT JOIN ops.tenants AS t ON t.id = p.tenant_id), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM found) > $7
                 THEN (SELECT ops.cursor(ops.utc(p.created_at AT TIME ZONE 'UTC'), p.id) FROM page AS p ORDER BY p.created_at, p.id LIMIT 1) END,
    -- The view has the newest 10,000.
    'is_complete', coalesce((SELECT max(g.of_all) FROM groups AS g), 0) < 10000,
    'sql', 'SELECT * FROM ops.dead_letters'
           || coalesce(' WHERE ' || nullif(concat_ws(' AND ', 'coalesce(reason, '''') = ' || ops.sql_word($1), 'job_type = ' || ops.sql_word($2),
                                                     'tenant_id = ' || ops.sql_word($3), 'code = ' || $4), ''), ''),
    'command', 'pgcourier dlq list' || coalesce(ops.shell_option('tenant', $3), '') || coalesce(' --code ' || $4, ''));
