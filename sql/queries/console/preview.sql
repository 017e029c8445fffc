-- console.preview: what retrying or discarding dead letters would do, as one JSON object; at most 1,000, the oldest first.
-- $1 ids, also those of their messages, as a JSON array text (NULL: by filter)  $2 reason text (NULL: any)  $3 job type text (NULL: any)  $4 tenant id text (NULL: any)
-- $5 code integer (NULL: any)  $6 since text (NULL: ever)  $7 until text (NULL: now)
-- $8 retry or discard text
WITH meant AS MATERIALIZED (
    SELECT d.id, d.job_type, d.entity_id, d.was_sent, d.recipient, d.created_at FROM ops.dead_letters AS d
    WHERE ($1::text IS NULL OR d.id IN (SELECT jsonb_array_elements_text($1::jsonb))
           OR d.job_type = 'message_out' AND d.entity_id IN (SELECT jsonb_array_elements_text($1::jsonb)))
      AND ($2::text IS NULL OR coalesce(d.reason, '') = $2) AND ($3::text IS NULL OR d.job_type = $3)
      AND ($4::text IS NULL OR d.tenant_id = $4) AND ($5::integer IS NULL OR d.code = $5)
      AND ($6::text IS NULL OR d.created_at >= $6::text::timestamptz AT TIME ZONE 'UTC')
      AND ($7::text IS NULL OR d.created_at < $7::text::timestamptz AT TIME ZONE 'UTC')),
chosen AS MATERIALIZED (SELECT m.* FROM meant AS m ORDER BY m.created_at, m.id LIMIT 1000),
done AS MATERIALIZED (
    SELECT c.id, c.entity_id, row_number() OVER (ORDER BY c.created_at, c.id) AS place,
           NOT ($8::text = 'retry' AND c.job_type = 'message_out' AND c.recipient IS NULL) AS is_done,
           CASE WHEN $8 = 'discard' THEN 'would be discarded' WHEN c.job_type = 'webhook_event' THEN 'would be routed again'
                WHEN c.recipient IS NULL THEN 'cannot be done again: its message is not kept any more'
                WHEN c.was_sent THEN 'was sent and not delivered: would be written again, as a new message'
                ELSE 'would be sent again' END AS words
    FROM chosen AS c)
SELECT jsonb_build_object(
    'act', $8, 'is_preview', true, 'chosen', (SELECT count(*) FROM chosen),
    'done', (SELECT count(*) FROM done AS x WHERE x.is_done),
    'remaining', greatest((SELECT count(*) FROM meant) - (SELECT count(*) FROM chosen), 0),
    'results', coalesce((
        SELECT jsonb_agg(jsonb_build_object('dead_letter_id', x.id, 'entity_id', x.entity_id, 'is_done', x.is_done, 'words', x.words)
                         ORDER BY x.is_done, x.place)
        FROM (SELECT y.* FROM done AS y ORDER BY y.is_done, y.place LIMIT 100) AS x), '[]'),
    'sql', ops.letters_sql($8, $1::jsonb, $2, $3, $4, $5, $6, $7, NULL),
    'command', ops.letters_command($8, $1::jsonb, $2, $3, $4, $5, $6, $7));
