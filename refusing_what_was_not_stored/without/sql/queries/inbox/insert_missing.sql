-- inbox.insert_missing: store events that were fetched afterwards, queue them for routing in the order in which they are given,
-- and wake the routers once. What is already there is left alone: the event, or a message whose event is no longer kept.
-- So is a message of a time of which events have been deleted: it may have been here and been handled.
-- Two that store the same keys in different orders can deadlock: one of them is told so and does it again.
-- $1 keys text[]  $2 kinds text[]  $3 raw bodies (form) bytea[]  $4 payloads, JSON as text[]  $5 senders text[]
-- $6 receivers text[]  $7 correlation ids text[]  $8 Twilio's dates, ms since 1970 bigint[]
WITH missing AS MATERIALIZED (
    SELECT n.key, n.kind, n.raw, n.payload, n."from", n."to", n.correlation_id, n.occurred_ms, n.position
    FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[]) WITH ORDINALITY
         AS n (key, kind, raw, payload, "from", "to", correlation_id, occurred_ms, position)
    WHERE NOT EXISTS (SELECT FROM messages_in AS m
                      WHERE n.kind = 'inbound' AND m.provider_message_id = substr(n.key, 5) AND m.duplicate_of IS NULL)
      AND NOT EXISTS (SELECT FROM retention_passes AS p
                      WHERE n.kind = 'inbound' AND p.table_name = 'webhook_events'
                        AND to_timestamp(n.occurred_ms / 1000.0) <= p.pruned_before)),
event AS (
    INSERT INTO webhook_events (key, kind, source, format, raw, payload, "from", "to", correlation_id, occurred_at)
    SELECT m.key, m.kind, 'backfill', 'form', m.raw, m.payload::jsonb, m."from", m."to", m.correlation_id,
           to_timestamp(m.occurred_ms / 1000.0)
    FROM missing AS m
    ORDER BY m.position
    ON CONFLICT (key) DO NOTHING
    RETURNING id, key),
queued AS (
    INSERT INTO webhook_queue (id)
    SELECT id FROM event)
SELECT id, key, CASE WHEN row_number() OVER () = 1 THEN pg_notify('pgcourier_events', '') END
FROM event;
