-- router.hand_over: give status callbacks to the outbox, which alone writes messages_out, in the order of the events.
-- $1 event ids bigint[]  $2 correlation ids text[]  $3 tenant ids text[]  $4 said at, microseconds since 2000 bigint[]  $5 MessageSids text[]
-- $6 message ids text[]  $7 attempts integer[]  $8 statuses text[]  $9 error codes integer[]  $10 error messages text[]
WITH told AS MATERIALIZED (
    SELECT n.event_id, n.correlation_id, n.tenant_id, n.said_us, n.sid, n.message_id, n.attempt, n.status, n.error_code,
           n.error_message
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::integer[], $8::text[],
                $9::integer[], $10::text[])
         AS n (event_id, correlation_id, tenant_id, said_us, sid, message_id, attempt, status, error_code, error_message)),
handed AS (
    INSERT INTO delivery_events (provider_message_id, message_id, attempt, status, error_code, error_message, event_id,
                                 correlation_id, received_at)
    SELECT w.sid, w.message_id, w.attempt, w.status, w.error_code, w.error_message, w.event_id, w.correlation_id,
           timestamptz '2000-01-01 00:00:00+00' + w.said_us * interval '1 microsecond'
    FROM told AS w)
INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload, created_at)
SELECT w.tenant_id, 'webhook_received', 'webhook_event', w.event_id::text, w.correlation_id, 'system',
       '{"kind": "status"}'::jsonb, clock_timestamp() AT TIME ZONE 'UTC'
FROM told AS w;
