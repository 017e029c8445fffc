-- console.abnormal: what is not normal, the worst first, as one JSON object; each with its next step.
WITH health AS MATERIALIZED (SELECT h.figure, h.value, h.state, h.advice FROM ops.health AS h WHERE h.state <> 'ok'),
items (place, kind, id, tenant_id, words, count, since, last_at, example, advice, sql, command, act) AS (
    SELECT 1, 'breaker', b.scope, NULL, concat_ws(', code ', b.reason, b.error_code), b.failed_probes::bigint, b.opened_at, b.next_probe_at, NULL,
           'Nothing is sent but probes; it closes by itself when one succeeds'
           || coalesce('. The next probe is at ' || ops.moment(b.next_probe_at), ''),
           'SELECT * FROM ops.breakers', 'pgcourier pauses', NULL::jsonb
    FROM ops.breakers AS b WHERE b.state = 'open'
    UNION ALL
    SELECT 2, 'pause', p.scope || coalesce(' ' || nullif(p.id, ''), ''), CASE p.scope WHEN 'tenant' THEN p.id ELSE o.id END,
           concat('paused by ', p.paused_by, ': ' || nullif(p.reason, '')), NULL, p.paused_at, NULL, NULL,
           'It stays until somebody resumes it',
           CASE p.scope WHEN 'all' THEN 'SELECT ops.resume_sending()' WHEN 'tenant' THEN format('SELECT ops.resume_sending(''tenant'', %s)', ops.sql_word(p.id))
                        ELSE 'SELECT ops.resume_sending(''sender'', number)' END,
           CASE p.scope WHEN 'all' THEN 'pgcourier resume' WHEN 'tenant' THEN 'pgcourier resume' || ops.shell_option('tenant', p.id)
                        ELSE 'pgcourier resume --sender NUMBER' END,
           CASE WHEN p.scope <> 'sender' OR o.id IS NOT NULL THEN jsonb_build_object('path', 'resume', 'body', jsonb_build_object(
               'scope', p.scope, 'id', coalesce('tenant:' || o.id, nullif(p.id, '')))) END
    FROM ops.pauses AS p
    -- A tenant of the number, which is masked to us, as in console.tenants.
    LEFT JOIN LATERAL (SELECT min(t.id) AS id FROM ops.tenants AS t
                       WHERE p.scope = 'sender' AND strpos(t.paused, concat('sender by ', p.paused_by, ' since ',
                                                                            to_char(p.paused_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))) > 0)
        AS o ON true
    UNION ALL
    (SELECT 3, 'stuck', coalesce(s.id, s.entity), s.tenant_id, s.why, NULL, s.since, NULL,
            CASE WHEN s.entity IN ('message', 'event') THEN s.id END, s.advice,
            CASE WHEN s.id IS NOT NULL AND s.entity IN ('message', 'event') THEN format('SELECT ops.explain(%s)', ops.sql_word(s.id))
                 ELSE 'SELECT * FROM ops.stuck' END,
            CASE WHEN s.id IS NOT NULL AND s.entity IN ('message', 'event') THEN 'pgcourier trace ' || ops.shell_argument(s.id)
                 ELSE 'pgcourier status' END,
            CASE WHEN s.why LIKE 'held: %' AND s.advice LIKE 'SELECT ops.release_message%'
                 THEN jsonb_build_object('path', 'release', 'body', jsonb_build_object('id', s.id)) END
     FROM ops.stuck AS s WHERE s.entity <> 'pause' ORDER BY s.since LIMIT 50)
    UNION ALL
    SELECT 4, 'unknown', NULL, NULL, 'nobody knows whether they were sent', h.value::bigint, NULL, NULL, NULL, h.advice,
           'SELECT * FROM ops.outbox WHERE status = ''unknown''', 'pgcourier outbox list --status unknown', NULL
    FROM health AS h WHERE h.figure = 'unknown outcomes'
    UNION ALL
    (SELECT 5, 'dead_letters', r.job_type, NULL, r.reason, sum(r.dead_letters)::bigint, min(r.first_at) AT TIME ZONE 'UTC',
            max(r.last_at) AT TIME ZONE 'UTC', (array_agg(r.example ORDER BY r.last_at DESC))[1], 'Retry them when the reason is gone, else discard them',
            format('SELECT * FROM ops.dead_letters WHERE reason IS NOT DISTINCT FROM %s', coalesce(ops.sql_word(r.reason), 'NULL')),
            'pgcourier dlq list', NULL
     FROM ops.dead_letter_reasons AS r GROUP BY r.job_type, r.reason ORDER BY sum(r.dead_letters) DESC LIMIT 20)
    UNION ALL
    (SELECT 6, 'unrouted', CASE WHEN u.number LIKE '%…%' THEN u.number ELSE ops.masked(u.number) END, u.tenant_id,
            'no tenant has the number that was written to', u.messages, u.first_at AT TIME ZONE 'UTC', u.last_at AT TIME ZONE 'UTC', NULL,
            CASE WHEN u.tenant_id IS NULL THEN 'Give the number to a tenant, a new one or with pgcourier tenant change: its messages are then routed by themselves'
                 ELSE 'A tenant has the number by now: they are being routed' END,
            'SELECT * FROM ops.unrouted', 'pgcourier tenant add NAME --number NUMBER', NULL
     FROM ops.unrouted AS u ORDER BY u.last_at DESC LIMIT 20)
    UNION ALL
    SELECT 7, 'instance', i.id, NULL, format('%s pid %s (%s) was not heard for %s', i.host, i.pid, i.roles, ops.span(i.silent_seconds * interval '1 s')),
           NULL, i.heartbeat_at, NULL, NULL, 'Does it run? A dead one''s row goes when the next one starts', 'SELECT * FROM ops.instances',
           'pgcourier status', NULL
    FROM ops.instances AS i WHERE i.state = 'silent'
    UNION ALL
    SELECT 8, CASE h.figure WHEN 'oldest snapshot, s' THEN 'snapshot' ELSE 'migrations' END, NULL, NULL,
           CASE h.figure WHEN 'oldest snapshot, s' THEN 'a session has held a snapshot for ' || ops.span(h.value * interval '1 s')
                         ELSE 'migrations are not finished' END,
           CASE h.figure WHEN 'unfinished migrations' THEN h.value::bigint END, NULL, NULL, NULL, h.advice,
           CASE h.figure WHEN 'oldest snapshot, s' THEN 'SELECT * FROM ops.oldest_snapshot()' ELSE 'SELECT ops.unfinished_migrations()' END,
           CASE h.figure WHEN 'oldest snapshot, s' THEN 'pgcourier doctor' ELSE 'pgcourier migrate status' END, NULL
    FROM health AS h WHERE h.figure IN ('oldest snapshot, s', 'unfinished migrations'))
SELECT jsonb_build_object('as_of', ops.utc(now()), 'items', coalesce(jsonb_agg(
    jsonb_build_object('kind', i.kind, 'id', i.id, 'tenant_id', i.tenant_id, 'tenant_name', t.name, 'words', coalesce(i.words, ''), 'count', i.count,
        'since', ops.utc(i.since), 'last_at', ops.utc(i.last_at), 'example', i.example, 'advice', i.advice, 'sql', i.sql,
        'command', i.command, 'act', i.act)
    ORDER BY i.place, i.count DESC NULLS LAST, i.since), '[]'))
FROM items AS i LEFT JOIN ops.tenants AS t ON t.id = i.tenant_id;
