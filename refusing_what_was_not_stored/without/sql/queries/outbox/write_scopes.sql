-- outbox.write_scopes: what a batch of outcomes made of its scopes, which lock_scopes.sql has locked. One that a success
-- closes is told of once: by whoever closes it. Credentials that work replace those that did not.
-- $1 scopes text[]  $2 calls integer[]  $3 failures integer[]  $4 messages that failed last text[]  $5 whether it is open boolean[]
-- $6 probes integer[]  $7 ms until the next probe bigint[] (NULL: as it is)  $8 whether there was a success boolean[]
-- $9 whether a callback has opened it boolean[]
WITH states AS MATERIALIZED (
    SELECT n.scope, n.calls, n.failures, n.failed_message, n.is_open, n.probes, n.probe_in_ms, n.has_success, n.is_by_callback,
           s.opened_at IS NOT NULL AND NOT n.is_open AS is_closing
    FROM unnest($1::text[], $2::integer[], $3::integer[], $4::text[], $5::boolean[], $6::integer[], $7::bigint[], $8::boolean[],
                $9::boolean[])
        AS n (scope, calls, failures, failed_message, is_open, probes, probe_in_ms, has_success, is_by_callback)
    JOIN outbox_scopes AS s ON s.scope BETWEEN n.scope AND n.scope),
written AS (
    UPDATE outbox_scopes AS s
    SET calls = n.calls, failures = n.failures, failed_message = n.failed_message, probes = n.probes,
        is_by_callback = n.is_by_callback,
        opened_at = CASE WHEN n.is_open THEN s.opened_at END,
        probe_at = CASE WHEN n.is_open
                        THEN coalesce(clock_timestamp() + n.probe_in_ms * interval '1 ms', s.probe_at) END,
        error_code = CASE WHEN n.is_open THEN s.error_code END, reason = CASE WHEN n.is_open THEN s.reason END,
        last_success_at = CASE WHEN n.has_success THEN clock_timestamp() ELSE s.last_success_at END
    FROM states AS n
    WHERE s.scope BETWEEN n.scope AND n.scope),
replaced AS (
    DELETE FROM outbox_scopes AS s
    WHERE s.scope IN (
        -- Nobody probes them any more.
        SELECT o.scope FROM outbox_scopes AS o
        WHERE o.scope LIKE 'credentials:%' AND o.opened_at IS NOT NULL AND o.probe_at < clock_timestamp() - interval '10 min'
          AND o.scope NOT IN (SELECT n.scope FROM states AS n)
        ORDER BY o.scope
        FOR UPDATE SKIP LOCKED)
      AND EXISTS (SELECT FROM states AS n WHERE n.scope LIKE 'credentials:%' AND n.has_success)
    RETURNING s.scope),
told AS (
    INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT 'sending_resumed', 'scope', pgcourier_masked_scope(c.scope), gen_random_uuid()::text, 'system'
    FROM (SELECT n.scope FROM states AS n WHERE n.is_closing UNION ALL SELECT r.scope FROM replaced AS r) AS c
    ORDER BY c.scope
    RETURNING id)
SELECT pg_notify(c.channel, '') FROM (VALUES ('ops_alert'), ('messages_out')) AS c (channel) WHERE EXISTS (SELECT FROM told);
