-- inbox.insert_events: store events, queue them for routing and wake the routers once. An event that is already there
-- is left alone and not returned. Two instances that store the same keys wait for each other in one order and cannot
-- deadlock: the arrays are sorted by key (bytewise), and rows are inserted in the order of the arrays. One unnest() each, since
-- FROM unnest(…, …) keeps a copy of all rows first.
-- $1 keys text[]  $2 kinds text[]  $3 sources text[]  $4 formats text[]  $5 raw bodies bytea[]  $6 queries text[]
-- $7 payloads, JSON as text[]  $8 senders text[]  $9 receivers text[]  $10 correlation ids text[]
WITH event AS (
    INSERT INTO webhook_events (key, kind, source, format, raw, query, payload, "from", "to", correlation_id)
    SELECT n.key, n.kind, n.source, n.format, n.raw, n.query, n.payload::jsonb, n."from", n."to", n.correlation_id
    FROM (SELECT unnest($1::text[]) AS key, unnest($2::text[]) AS kind, unnest($3::text[]) AS source, unnest($4::text[]) AS format,
                 unnest($5::bytea[]) AS raw, unnest($6::text[]) AS query, unnest($7::text[]) AS payload, unnest($8::text[]) AS "from",
                 unnest($9::text[]) AS "to", unnest($10::text[]) AS correlation_id) AS n
    ON CONFLICT (key) DO NOTHING
    RETURNING id, key),
queued AS (
    INSERT INTO webhook_queue (id)
    SELECT id FROM event)
SELECT id, key, CASE WHEN row_number() OVER () = 1 THEN pg_notify('pgcourier_events', '') END
FROM event;
