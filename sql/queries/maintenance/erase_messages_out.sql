-- maintenance.erase_messages_out: takes the person out of the outgoing messages in some pages. Rows and their times stay, to
-- be counted. What is in flight or of unknown outcome is needed until it is settled, and what waits is taken back first
-- (erase_waiting.sql): both are left to the next round. Nothing of it can be retried.
-- $1 first place tid  $2 end tid  $3 addresses text[]  $4 last seq bigint  $5 only count boolean
-- returns  rows changed, or to be changed; rows left behind
WITH act AS MATERIALIZED (
    SELECT set_config('pgcourier.act', 'erase', true) AS act),
found AS MATERIALIZED (
    SELECT m.ctid AS place,
           m.status IN ('sending', 'unknown')
           OR (NOT $5::boolean AND EXISTS (SELECT FROM outbox_queue AS q WHERE q.seq = m.seq)) AS is_busy
    FROM messages_out AS m
    WHERE m.ctid >= $1::tid AND m.ctid < $2::tid AND m."to" = ANY ($3::text[]) AND m.seq <= $4::bigint),
locked AS MATERIALIZED (
    SELECT m.ctid AS place, m.id, m.tenant_id, m.correlation_id, m.dedupe_key, m.status
    FROM messages_out AS m
    WHERE NOT $5 AND m.ctid = ANY (ARRAY(SELECT f.place FROM found AS f WHERE NOT f.is_busy))
      AND m.status NOT IN ('sending', 'unknown')
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE messages_out AS m
    SET "to" = 'erased', body = '', media_url = NULL, content_variables = NULL, dedupe_key = NULL, held_reason = NULL,
        last_error = regexp_replace(m.last_error, '\+?[0-9]{7,}', '…', 'g'),
        next_attempt_at = CASE WHEN m.status NOT IN ('pending', 'failed') THEN m.next_attempt_at END,
        status = CASE WHEN m.status IN ('pending', 'failed') THEN 'canceled' ELSE m.status END
    FROM act AS a
    WHERE m.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l)) AND a.act = 'erase'
    RETURNING m.id),
letters AS (
    UPDATE dead_letter_jobs AS d
    SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM locked AS l
    WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = l.id AND d.resolved_at IS NULL),
keys AS MATERIALIZED (
    SELECT k.tenant_id, k.dedupe_key
    FROM locked AS l
    JOIN outbox_dedupe_keys AS k ON k.tenant_id = l.tenant_id AND k.dedupe_key = l.dedupe_key AND k.message_id = l.id
    FOR UPDATE OF k SKIP LOCKED),
freed AS (
    DELETE FROM outbox_dedupe_keys AS k USING keys AS f WHERE k.tenant_id = f.tenant_id AND k.dedupe_key = f.dedupe_key),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT l.tenant_id, 'message_canceled', 'message_out', l.id, l.correlation_id, 'operator', '{"reason": "its recipient was erased"}'
    FROM locked AS l WHERE l.status IN ('pending', 'failed'))
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $5 THEN (SELECT count(*) FROM found AS f WHERE NOT f.is_busy) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
