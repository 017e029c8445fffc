-- router.record: events that nothing follows from: they are kept, and it is written down that they came.
-- $1 event ids bigint[]  $2 correlation ids text[]
INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, payload, created_at)
SELECT 'webhook_received', 'webhook_event', n.event_id::text, n.correlation_id, 'system', '{"kind": "unrecognized"}'::jsonb,
       clock_timestamp() AT TIME ZONE 'UTC'
FROM unnest($1::bigint[], $2::text[]) AS n (event_id, correlation_id);
