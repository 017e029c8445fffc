-- maintenance.erase_events: empties the raw events of the person in some pages, those of messages to them among these. Their
-- keys stay, so that a repeated webhook finds them. One that is still to be routed is left to the next round, and so is one that
-- somebody has locked; one that was given up is given up for good, unless somebody has its dead letter locked, to retry it.
-- Callbacks come later too: those of messages up to the last seq are erased, and those of what was written since are kept. (What
-- comes after the last round, settle_deliveries.sql empties.)
-- $1 first place tid  $2 end tid  $3 addresses text[]  $4 asked at text  $5 only count boolean
-- $6 pattern of the addresses text  $7 last seq bigint
-- returns  rows changed, or to be changed; rows left behind
WITH found AS MATERIALIZED (
    SELECT e.ctid AS place, e.id, EXISTS (SELECT FROM webhook_queue AS q WHERE q.id = e.id) AS is_busy
    FROM webhook_events AS e
    -- status:<MessageSid>:<MessageStatus>
    CROSS JOIN LATERAL (SELECT split_part(e.key, ':', 2) COLLATE "default" AS sid) AS k
    WHERE e.ctid >= $1::tid AND e.ctid < $2::tid
      AND CASE e.kind
          WHEN 'inbound' THEN e."from" = ANY ($3::text[]) OR '+' || (e.payload ->> 'WaId') = ANY ($3)
                              OR pgcourier_bare_address(e.payload ->> 'ExternalUserId') = ANY ($3)
          WHEN 'status' THEN e."to" = ANY ($3)
          ELSE e.payload::text ~ $6::text END
      -- A message may not know its MessageSid: the callback's own URL has named it then.
      AND (e.received_at <= $4::text::timestamptz
           OR (e.kind = 'status'
               AND (EXISTS (SELECT FROM messages_out AS m WHERE m.provider_message_id = k.sid AND m.seq + 0 <= $7::bigint OFFSET 0)
                    OR EXISTS (SELECT FROM delivery_events AS d
                               WHERE d.provider_message_id = k.sid
                                 AND (SELECT m.seq FROM messages_out AS m WHERE m.id = d.message_id) <= $7 OFFSET 0))))),
letters AS MATERIALIZED (
    SELECT d.id, f.id AS event_id
    FROM found AS f
    JOIN dead_letter_jobs AS d ON d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = f.id::text AND d.resolved_at IS NULL
    WHERE NOT $5::boolean AND NOT f.is_busy
    FOR UPDATE OF d SKIP LOCKED),
locked AS MATERIALIZED (
    SELECT e.ctid AS place FROM webhook_events AS e
    WHERE NOT $5 AND e.ctid = ANY (ARRAY(SELECT f.place FROM found AS f WHERE NOT f.is_busy))
      AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d
                      WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = e.id::text AND d.resolved_at IS NULL
                        AND NOT d.id = ANY (ARRAY(SELECT l.id FROM letters AS l)) OFFSET 0)
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE webhook_events AS e
    SET raw = '', query = '', payload = '{"erased": true}',
        "from" = CASE e.kind WHEN 'inbound' THEN 'erased' ELSE e."from" END,
        "to" = CASE e.kind WHEN 'status' THEN 'erased' ELSE e."to" END
    WHERE e.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l))
    RETURNING e.id),
resolved AS (
    UPDATE dead_letter_jobs AS d
    SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM letters AS l
    WHERE d.id = l.id AND l.event_id IN (SELECT e.id FROM erased AS e))
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $5 THEN (SELECT count(*) FROM found AS f WHERE NOT f.is_busy) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
