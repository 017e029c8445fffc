-- maintenance.retention_events: deletes from some pages the raw events that are old, and with them their idempotency keys:
-- Twilio repeats a webhook for 15 s, and a day is the least that can be set. The hour is for backfill, which may be reading
-- Twilio's list of that time just now, and must find the keys of what it finds there.
-- What was deleted before is noted with it, so that backfill, whatever it believes of RETENTION_DAYS, takes none of it for new. (By what
-- was deleted, not by the clock, which may once have been days ahead.)
-- Kept is what is still to be routed: what waits, what has a dead letter that nobody resolved, what waits for a tenant.
-- $1 first place tid  $2 end tid  $3 days integer  $4 only count boolean  $5 each row alone, since one of them is refused boolean
-- returns  rows deleted, or to be deleted; rows that are old and kept; rows that were refused, and why one of them was
WITH old AS MATERIALIZED (
    SELECT e.ctid AS place,
           EXISTS (SELECT FROM webhook_queue AS q WHERE q.id = e.id)
           OR EXISTS (SELECT FROM dead_letter_jobs AS d
                      WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = e.id::text
                        AND d.resolved_at IS NULL)
           OR (e.key LIKE 'msg:%'
               AND EXISTS (SELECT FROM messages_in AS m
                           WHERE m.provider_message_id = substr(e.key, 5) COLLATE "default" AND m.duplicate_of IS NULL
                             AND m.tenant_id IS NULL AND m.message_type IS NULL OFFSET 0))
           AS is_needed
    FROM webhook_events AS e
    WHERE e.ctid >= $1::tid AND e.ctid < $2::tid
      AND e.received_at < now() - $3::integer * interval '1 day' - interval '1 h'),
locked AS MATERIALIZED (
    SELECT e.ctid AS place, e.received_at FROM webhook_events AS e
    WHERE NOT $4::boolean AND e.ctid = ANY (ARRAY(SELECT o.place FROM old AS o WHERE NOT o.is_needed))
    FOR UPDATE SKIP LOCKED),
gone AS (
    DELETE FROM webhook_events AS e
    WHERE NOT $5::boolean AND e.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) RETURNING e.received_at),
alone AS MATERIALIZED (
    SELECT l.received_at, pgcourier_delete_alone('webhook_events', l.place) AS refusal FROM (SELECT k.* FROM locked AS k WHERE $5 ORDER BY random() OFFSET 0) AS l),
deleted AS MATERIALIZED (
    SELECT g.received_at FROM gone AS g UNION ALL SELECT a.received_at FROM alone AS a WHERE a.refusal IS NULL),
noted AS (
    UPDATE retention_passes AS p
    SET pruned_before = greatest(p.pruned_before, least(now() - $3 * interval '1 day',
                                                        (SELECT max(d.received_at) FROM deleted AS d) + interval '1 h'))
    WHERE p.table_name = 'webhook_events' AND EXISTS (SELECT FROM deleted))
SELECT CASE WHEN $4 THEN (SELECT count(*) FROM old AS o WHERE NOT o.is_needed) ELSE (SELECT count(*) FROM deleted) END AS deleted,
       (SELECT count(*) FROM old AS o WHERE o.is_needed) AS kept,
       (SELECT count(a.refusal) FROM alone AS a) AS refused, (SELECT min(a.refusal) FROM alone AS a) AS refusal;
