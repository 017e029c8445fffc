-- outbox.lock_scopes: the scopes that a batch of outcomes says something about, to be judged and written back in this
-- transaction. Comes before everything else in it: whoever waits for a scope holds no message.
-- $1 scopes text[]
-- returns  scope, calls, failures, the message that failed last, is_open, probes, ms since the last success (NULL: none yet),
--          whether a callback opened it
SELECT s.scope, s.calls, s.failures, coalesce(s.failed_message, '') AS failed_message, s.opened_at IS NOT NULL AS is_open, s.probes,
       (extract(epoch FROM clock_timestamp() - s.last_success_at) * 1000)::bigint AS success_ms_ago,
       s.is_by_callback
FROM outbox_scopes AS s
WHERE s.scope = ANY ($1::text[])
ORDER BY s.scope || ''
FOR UPDATE;
