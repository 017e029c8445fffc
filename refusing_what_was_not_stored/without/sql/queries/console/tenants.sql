-- console.tenants: the shops by id, as one JSON object.
-- $1 after: id text (NULL: the first)  $2 only this one: id text (NULL: all)  $3 limit integer
WITH found AS MATERIALIZED (
    SELECT t.id, t.name, t.number, t.sellers, t.opted_out, t.waiting, t.in_flight, t.oldest_due_seconds, t.dead_letters, t.paused,
           t.breaker_open_since, t.calls_at_once
    FROM ops.tenants AS t
    WHERE ($1::text IS NULL OR t.id > $1) AND ($2::text IS NULL OR t.id = $2)
    ORDER BY t.id
    LIMIT $3::integer + 1),
page AS MATERIALIZED (SELECT f.* FROM found AS f ORDER BY f.id LIMIT $3),
-- While one of these is open nobody sends.
stopped AS MATERIALIZED (
    SELECT min(b.opened_at) AS since FROM ops.breakers AS b WHERE b.state = 'open' AND (b.scope = 'provider' OR b.scope LIKE 'credentials:%')),
pauses AS MATERIALIZED (SELECT p.scope, p.id, p.reason, p.paused_by, p.paused_at FROM ops.pauses AS p)
SELECT jsonb_build_object(
    'items', coalesce((
        SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name,
                   'number', CASE WHEN t.number LIKE '%…%' THEN t.number ELSE ops.masked(t.number) END,
                   'sellers', t.sellers, 'opted_out', t.opted_out, 'waiting', t.waiting, 'in_flight', t.in_flight,
                   'oldest_due_seconds', t.oldest_due_seconds, 'dead_letters', t.dead_letters,
                   'paused', CASE WHEN p.scope IS NOT NULL THEN jsonb_build_object('scope', p.scope, 'by', p.paused_by,
                       'since', ops.utc(p.paused_at), 'reason', nullif(p.reason, '')) END,
                   'breaker_open_since', ops.utc(t.breaker_open_since), 'all_stopped_since', ops.utc((SELECT s.since FROM stopped AS s)),
                   'calls_at_once', t.calls_at_once,
                   'sql', format(CASE WHEN p.scope = 'tenant' THEN 'SELECT ops.resume_sending(''tenant'', %s)'
                                      ELSE 'SELECT ops.pause_sending(''tenant'', %s, ''why'')' END, ops.sql_word(t.id)),
                   'command', CASE WHEN p.scope = 'tenant' THEN 'pgcourier resume' || ops.shell_option('tenant', t.id)
                                   ELSE 'pgcourier pause' || ops.shell_option('tenant', t.id) || ' --reason WHY' END) ORDER BY t.id)
        FROM page AS t
        -- The number of a paused sender is masked to us; ops.tenants has compared it, and says by whom and since when.
        LEFT JOIN LATERAL (SELECT x.scope, x.paused_by, x.paused_at, x.reason FROM pauses AS x
                           WHERE x.scope = 'tenant' AND x.id = t.id OR x.scope = 'all'
                              OR x.scope = 'sender' AND strpos(t.paused, concat('sender by ', x.paused_by, ' since ',
                                                                                to_char(x.paused_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))) > 0
                           ORDER BY x.scope = 'tenant' DESC, x.scope = 'all' DESC LIMIT 1) AS p ON true), '[]'),
    'next', CASE WHEN (SELECT count(*) FROM found) > $3 THEN ops.cursor(NULL, (SELECT max(p.id) FROM page AS p)) END,
    'sql', 'SELECT * FROM ops.tenants', 'command', 'pgcourier tenant list');
