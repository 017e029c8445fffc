-- maintenance.erasure_left: how many messages of the person are left, by the indexes on people: a round that reads page by page misses
-- a row that an update moves to a page that it has read.
-- $1 addresses text[]  $2 asked at text  $3 last seq bigint
SELECT (SELECT count(*)
        FROM unnest($1::text[]) AS a (address)
        CROSS JOIN LATERAL (
            SELECT m.created_at, m.event_id FROM messages_in AS m WHERE m."from" = a.address OFFSET 0) AS m
        WHERE m.created_at <= $2::text::timestamptz AT TIME ZONE 'UTC'
           OR EXISTS (SELECT FROM webhook_events AS e WHERE e.id = m.event_id AND e.received_at <= $2::timestamptz OFFSET 0))
     + (SELECT count(*)
        FROM unnest($1) AS a (address)
        CROSS JOIN LATERAL (SELECT m.seq FROM messages_out AS m WHERE m."to" = a.address OFFSET 0) AS m
        WHERE m.seq <= $3::bigint) AS rows_left;
