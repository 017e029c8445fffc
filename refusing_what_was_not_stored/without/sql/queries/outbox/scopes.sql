-- outbox.scopes: what limits the lanes: the state of each scope. A scope that limits anything now (open, starting slowly, or
-- kept to a rate) is locked, so that of all instances one at a time spends what it allows; one that somebody else has locked
-- is not ours this time. The others cost no lock.
-- $1 the scopes that all lanes share text[]  $2 whether senders are kept to a rate boolean
-- returns  scope, is_known, is_ours, calls, is_open, probe_in_ms, ms since the last success (NULL: none yet), ms until the next
--          call of the sender may start (at most 2000: a clock that was set back must not stop it for longer), whether
--          anything failed since the last success
WITH wanted AS MATERIALIZED (
    SELECT w.scope
    FROM unnest($1::text[] || coalesce(nullif(current_setting('pgcourier.scopes', true), '')::text[], '{}')) AS w (scope)),
seen AS MATERIALIZED (
    SELECT w.scope, s.scope IS NOT NULL AS is_known, s.calls, s.opened_at, s.probe_at, s.last_success_at, s.next_start_at,
           s.failures > 0 OR coalesce(s.failed_message, '') <> '' AS has_failed,
           s.opened_at IS NOT NULL OR s.calls < 1024 OR s.last_success_at IS NULL
               OR s.last_success_at < clock_timestamp() - interval '5 min' OR $2::boolean AND s.scope LIKE 'sender:%' AS is_limiting
    FROM wanted AS w
    LEFT JOIN outbox_scopes AS s ON s.scope BETWEEN w.scope AND w.scope),
ours AS MATERIALIZED (
    SELECT s.scope, s.calls, s.opened_at, s.probe_at, s.last_success_at, s.next_start_at,
           s.failures > 0 OR coalesce(s.failed_message, '') <> '' AS has_failed
    FROM seen AS w
    JOIN outbox_scopes AS s ON s.scope BETWEEN w.scope AND w.scope
    WHERE w.is_limiting
    ORDER BY w.scope
    FOR UPDATE OF s SKIP LOCKED),
read AS (
    SELECT w.scope, w.is_known, o.scope IS NOT NULL AS is_ours,
           CASE WHEN o.scope IS NULL THEN w.calls ELSE o.calls END AS calls,
           CASE WHEN o.scope IS NULL THEN w.opened_at ELSE o.opened_at END AS opened_at,
           CASE WHEN o.scope IS NULL THEN w.probe_at ELSE o.probe_at END AS probe_at,
           CASE WHEN o.scope IS NULL THEN w.last_success_at ELSE o.last_success_at END AS last_success_at,
           CASE WHEN o.scope IS NULL THEN w.next_start_at ELSE o.next_start_at END AS next_start_at,
           CASE WHEN o.scope IS NULL THEN w.has_failed ELSE o.has_failed END AS has_failed
    FROM seen AS w
    LEFT JOIN ours AS o ON o.scope = w.scope)
SELECT r.scope, r.is_known, r.is_ours, coalesce(r.calls, 1) AS calls, r.opened_at IS NOT NULL AS is_open,
       greatest(0, ceil(extract(epoch FROM r.probe_at - clock_timestamp()) * 1000))::bigint AS probe_in_ms,
       (extract(epoch FROM clock_timestamp() - r.last_success_at) * 1000)::bigint AS success_ms_ago,
       (extract(epoch FROM least(r.next_start_at - clock_timestamp(), interval '2 s')) * 1000)::float8 AS next_start_in_ms,
       coalesce(r.has_failed, false) AS has_failed
FROM read AS r
ORDER BY r.scope;
