-- maintenance.erase_messages_in: takes the person out of the received messages in some pages. Rows and their times stay, to
-- be counted; there is nothing to hand over of them any more. What came after the erasure was asked for is kept.
-- $1 first place tid  $2 end tid  $3 addresses text[]  $4 asked at text  $5 only count boolean
-- returns  rows changed, or to be changed; rows left behind: locked by the shop, or about to be routed again
WITH found AS MATERIALIZED (
    SELECT m.ctid AS place, EXISTS (SELECT FROM webhook_queue AS q WHERE q.id = m.event_id) AS is_busy
    FROM messages_in AS m
    WHERE m.ctid >= $1::tid AND m.ctid < $2::tid AND m."from" = ANY ($3::text[])
      AND (m.created_at <= $4::text::timestamptz AT TIME ZONE 'UTC'
           OR EXISTS (SELECT FROM webhook_events AS e WHERE e.id = m.event_id AND e.received_at <= $4::timestamptz))),
locked AS MATERIALIZED (
    SELECT m.ctid AS place FROM messages_in AS m
    WHERE NOT $5::boolean AND m.ctid = ANY (ARRAY(SELECT f.place FROM found AS f WHERE NOT f.is_busy))
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE messages_in AS m
    SET "from" = 'erased', body = '', media_url = NULL, media = NULL, profile_name = NULL, details = NULL, event_id = NULL,
        handled_at = coalesce(m.handled_at, clock_timestamp())
    WHERE m.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l))
    RETURNING 1)
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $5 THEN (SELECT count(*) FROM found AS f WHERE NOT f.is_busy) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
