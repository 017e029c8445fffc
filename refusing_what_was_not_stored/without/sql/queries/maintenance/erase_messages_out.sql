-- maintenance.erase_messages_out: takes the person out of the outgoing messages in some pages. Rows and their times stay, to
-- be counted. What is in flight or of unknown outcome is needed until it is settled, and what waits is taken back first
-- (erase_waiting.sql): both are left to the next round, and so is one whose dead letter somebody has locked: a retry takes
-- the letter first, then the message. Nothing of it can be retried. The dedupe key of what was sent lasts its day, so that
-- the shop's repeat is not sent again, unless the person's address is in it.
-- $1 first place tid  $2 end tid  $3 addresses text[]  $4 last seq bigint  $5 only count boolean
-- $6 pattern of the addresses text
-- returns  rows changed, or to be changed; rows left behind
WITH act AS MATERIALIZED (
    SELECT set_config('pgcourier.act', 'erase', true) AS act),
found AS MATERIALIZED (
    SELECT m.ctid AS place, m.id,
           m.status IN ('sending', 'unknown')
           OR (NOT $5::boolean AND EXISTS (SELECT FROM outbox_queue AS q WHERE q.seq = m.seq)) AS is_busy
    FROM messages_out AS m
    WHERE m.ctid >= $1::tid AND m.ctid < $2::tid AND m."to" = ANY ($3::text[]) AND m.seq <= $4::bigint),
letters AS MATERIALIZED (
    SELECT d.id
    FROM found AS f
    JOIN dead_letter_jobs AS d ON d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = f.id AND d.resolved_at IS NULL
    WHERE NOT $5 AND NOT f.is_busy
    FOR UPDATE OF d SKIP LOCKED),
locked AS MATERIALIZED (
    SELECT m.ctid AS place, m.id, m.tenant_id, m.correlation_id, m.dedupe_key, m.status
    FROM messages_out AS m
    WHERE NOT $5 AND m.ctid = ANY (ARRAY(SELECT f.place FROM found AS f WHERE NOT f.is_busy))
      AND m.status NOT IN ('sending', 'unknown')
      AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d
                      WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = m.id AND d.resolved_at IS NULL
                        AND NOT d.id = ANY (ARRAY(SELECT l.id FROM letters AS l)) OFFSET 0)
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE messages_out AS m
    SET "to" = 'erased', body = '', media_url = NULL, content_variables = NULL, held_reason = NULL,
        dedupe_key = CASE WHEN m.status NOT IN ('pending', 'failed') AND m.dedupe_key !~ $6 THEN m.dedupe_key END,
        last_error = regexp_replace(regexp_replace(m.last_error, $6::text, '…', 'g'), '\+?[0-9]{7,}', '…', 'g'),
        next_attempt_at = CASE WHEN m.status NOT IN ('pending', 'failed') THEN m.next_attempt_at END,
        status = CASE WHEN m.status IN ('pending', 'failed') THEN 'canceled' ELSE m.status END
    FROM act AS a, locked AS l
    WHERE m.ctid = ANY (ARRAY(SELECT k.place FROM locked AS k)) AND m.id = l.id AND a.act = 'erase'
    RETURNING m.id, m.tenant_id, m.correlation_id, l.dedupe_key, l.status AS was),
resolved AS (
    UPDATE dead_letter_jobs AS d
    SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM erased AS e
    WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = e.id AND d.id = ANY (ARRAY(SELECT l.id FROM letters AS l))),
keys AS MATERIALIZED (
    SELECT k.tenant_id, k.dedupe_key
    FROM erased AS e
    JOIN outbox_dedupe_keys AS k ON k.tenant_id = e.tenant_id AND k.dedupe_key = e.dedupe_key AND k.message_id = e.id
    WHERE e.was IN ('pending', 'failed') OR k.dedupe_key ~ $6
    FOR UPDATE OF k SKIP LOCKED),
freed AS (
    DELETE FROM outbox_dedupe_keys AS k USING keys AS f WHERE k.tenant_id = f.tenant_id AND k.dedupe_key = f.dedupe_key),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT e.tenant_id, 'message_canceled', 'message_out', e.id, e.correlation_id, 'operator', '{"reason": "its recipient was erased"}'
    FROM erased AS e WHERE e.was IN ('pending', 'failed'))
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $5 THEN (SELECT count(*) FROM found AS f WHERE NOT f.is_busy) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
