-- router.store_messages: store inbound messages in the order in which they are given. A message that no
-- tenant ever had gets its tenant now and is new to the shop; any other that was there stays as it is and is returned (the fence of
-- G2 that holds when the raw event is no longer kept). A STOP or START counts once, with the row that it came with: for the shop whose
-- client said it, and for each that wrote to that person from the same number.
-- No join of two batches, and lookups inside sub-selects of their own (OFFSET 0): no plan depends on how many rows the
-- planner expects. What is repeated is only looked for where fewer were stored than given: 0.2 ms of 10 for 500. One unnest()
-- for each column, since FROM unnest(…, …) keeps a copy of all rows first: another 0.2 ms.
-- $1 event ids bigint[]  $2 correlation ids text[]  $3 tenant ids text[]  $4 MessageSids text[]  $5 from text[]
-- $6 to text[]  $7 bodies text[]  $8 first media url text[]  $9 media (json) text[]  $10 profile names text[]
-- $11 details (json) text[]  $12 message types text[]
-- $13 event ids of opt-out words bigint[]  $14 persons text[]  $15 words text[]
WITH stored AS (
    INSERT INTO messages_in AS m (tenant_id, provider_message_id, "from", "to", body, media_url, media, profile_name,
                                  details, message_type, correlation_id, event_id, created_at)
    SELECT n.tenant_id, n.sid, n."from", n."to", n.body, n.media_url, n.media::jsonb, n.profile_name, n.details::jsonb,
           n.message_type, n.correlation_id, n.event_id, clock_timestamp() AT TIME ZONE 'UTC'
    FROM (SELECT unnest($1::bigint[]) AS event_id, unnest($2::text[]) AS correlation_id, unnest($3::text[]) AS tenant_id,
                 unnest($4::text[]) AS sid, unnest($5::text[]) AS "from", unnest($6::text[]) AS "to", unnest($7::text[]) AS body,
                 unnest($8::text[]) AS media_url, unnest($9::text[]) AS media, unnest($10::text[]) AS profile_name,
                 unnest($11::text[]) AS details, unnest($12::text[]) AS message_type) AS n
    ON CONFLICT (provider_message_id) WHERE duplicate_of IS NULL DO UPDATE
    SET tenant_id = excluded.tenant_id, message_type = excluded.message_type, "to" = excluded."to",
        event_id = excluded.event_id, handled_at = NULL
    WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND excluded.tenant_id IS NOT NULL
    RETURNING m.id, m.tenant_id, m.provider_message_id AS sid, m."to", m.message_type, m.correlation_id, m.event_id),
-- Persons in order, as every other batch takes them: two that lock the same ones cannot wait for each other.
said AS MATERIALIZED (
    SELECT o.id, o.tenant_id, o.correlation_id, o.event_id, o.word,
           CASE WHEN o.is_own
                THEN pgcourier_record_opt_word(o.tenant_id, o.person, o.word, o.said_at, o.source, o.event_id, o.correlation_id)
                ELSE pgcourier_record_word_elsewhere(o.tenant_id, o.person, o.word, o.said_at, o.source, o.event_id, o.correlation_id)
           END AS is_opted_out
    FROM (
        SELECT s.id, t.id AS tenant_id, t.is_own, s.correlation_id, s.event_id, w.person, w.word, e.said_at, e.source
        FROM unnest($13::bigint[], $14::text[], $15::text[]) AS w (event_id, person, word)
        JOIN stored AS s ON s.event_id = w.event_id
        CROSS JOIN LATERAL (
            SELECT coalesce(e.occurred_at, e.received_at) AS said_at, e.source
            FROM webhook_events AS e WHERE e.id = w.event_id OFFSET 0) AS e
        CROSS JOIN LATERAL (
            SELECT s.tenant_id, true WHERE s.message_type = 'client'
            UNION ALL
            SELECT o.id, false FROM pgcourier_shops_that_wrote(s."to", ARRAY(
                SELECT p.person FROM unnest($13::bigint[], $14::text[]) AS p (event_id, person) WHERE p.event_id = w.event_id), w.word) AS o (id)
            WHERE o.id IS DISTINCT FROM s.tenant_id) AS t (id, is_own)
        ORDER BY t.id, w.person, e.said_at, w.event_id
        OFFSET 0) AS o),
repeated AS MATERIALIZED (
    SELECT r.event_id, m.id, m.tenant_id, coalesce(m.correlation_id, e.correlation_id) AS correlation_id
    FROM (
        SELECT n.event_id, n.sid FROM unnest($1::bigint[], $4::text[]) AS n (event_id, sid)
        WHERE (SELECT count(*) FROM stored) < cardinality($1::bigint[])
        EXCEPT
        SELECT s.event_id, s.sid FROM stored AS s) AS r
    CROSS JOIN LATERAL (SELECT e.correlation_id FROM webhook_events AS e WHERE e.id = r.event_id OFFSET 0) AS e
    LEFT JOIN LATERAL (
        SELECT m.id, m.tenant_id, m.correlation_id FROM messages_in AS m
        WHERE m.provider_message_id = r.sid AND m.duplicate_of IS NULL
        OFFSET 0) AS m ON true),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload, created_at)
    SELECT s.tenant_id, 'webhook_received', 'message_in', s.id, s.correlation_id, 'system', '{}'::jsonb,
           clock_timestamp() AT TIME ZONE 'UTC'
    FROM stored AS s
    UNION ALL
    SELECT r.tenant_id, 'idempotent_ignored', 'message_in', r.id, r.correlation_id, 'system',
           jsonb_build_object('webhook_event_id', r.event_id), clock_timestamp() AT TIME ZONE 'UTC'
    FROM repeated AS r
    UNION ALL
    SELECT o.tenant_id, CASE o.word WHEN 'stop' THEN 'opt_out_recorded' ELSE 'opt_out_revoked' END, 'message_in', o.id,
           o.correlation_id, 'client', jsonb_build_object('is_opted_out', o.is_opted_out),
           clock_timestamp() AT TIME ZONE 'UTC'
    FROM (SELECT DISTINCT ON (event_id, tenant_id) id, tenant_id, correlation_id, word, is_opted_out FROM said WHERE is_opted_out IS NOT NULL) AS o)
SELECT r.event_id FROM repeated AS r ORDER BY r.event_id;
