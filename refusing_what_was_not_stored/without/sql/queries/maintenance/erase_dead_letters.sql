-- maintenance.erase_dead_letters: takes the person out of dead letters in some pages. Ours hold ids; the predecessor's hold
-- number and body too, of which only the ids are left.
-- $1 first place tid  $2 end tid  $3 only count boolean  $4 pattern of the addresses text
-- returns  rows changed, or to be changed; rows left behind
WITH found AS MATERIALIZED (
    SELECT d.ctid AS place FROM dead_letter_jobs AS d
    WHERE d.ctid >= $1::tid AND d.ctid < $2::tid
      AND (d.payload::text ~ $4::text OR d.error_message ~ $4 OR d.error_stack ~ $4)),
locked AS MATERIALIZED (
    SELECT d.ctid AS place FROM dead_letter_jobs AS d
    WHERE NOT $3::boolean AND d.ctid = ANY (ARRAY(SELECT f.place FROM found AS f))
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE dead_letter_jobs AS d
    SET payload = CASE WHEN d.payload::text ~ $4
                       THEN jsonb_strip_nulls(jsonb_build_object('message_out_id', d.payload -> 'message_out_id',
                                                                 'webhook_event_id', d.payload -> 'webhook_event_id',
                                                                 'erased', true))
                       ELSE d.payload END,
        error_message = regexp_replace(d.error_message, $4, '…', 'g'),
        error_stack = regexp_replace(d.error_stack, $4, '…', 'g'),
        resolved_at = CASE WHEN d.payload::text ~ $4 THEN coalesce(d.resolved_at, clock_timestamp() AT TIME ZONE 'UTC')
                           ELSE d.resolved_at END
    WHERE d.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l))
    RETURNING 1)
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $3 THEN (SELECT count(*) FROM found) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
