-- console.discard: resolves dead letters without doing anything; at most 1,000, the oldest first. One JSON object.
-- $1 ids, also those of their messages, as a JSON array text (NULL: by filter)  $2 reason text (NULL: any)  $3 job type text (NULL: any)  $4 tenant id text (NULL: any)
-- $5 code integer (NULL: any)  $6 since text (NULL: ever)  $7 until text (NULL: now)
-- $8 who text  $9 reason text
WITH meant AS MATERIALIZED (
    SELECT d.id, d.job_type, d.entity_id, d.was_sent, d.recipient, d.created_at FROM ops.dead_letters AS d
    WHERE ($1::text IS NULL OR d.id IN (SELECT jsonb_array_elements_text($1::jsonb))
           OR d.job_type = 'message_out' AND d.entity_id IN (SELECT jsonb_array_elements_text($1::jsonb)))
      AND ($2::text IS NULL OR coalesce(d.reason, '') = $2) AND ($3::text IS NULL OR d.job_type = $3)
      AND ($4::text IS NULL OR d.tenant_id = $4) AND ($5::integer IS NULL OR d.code = $5)
      AND ($6::text IS NULL OR d.created_at >= $6::text::timestamptz AT TIME ZONE 'UTC')
      AND ($7::text IS NULL OR d.created_at < $7::text::timestamptz AT TIME ZONE 'UTC')),
chosen AS MATERIALIZED (SELECT m.* FROM meant AS m ORDER BY m.created_at, m.id LIMIT 1000),
letters AS MATERIALIZED (
    SELECT j AS letter FROM dead_letter_jobs AS j
    WHERE j.id IN (SELECT c.id FROM chosen AS c) AND j.resolved_at IS NULL ORDER BY j.id FOR UPDATE),
placed AS MATERIALIZED (
    SELECT l.letter, row_number() OVER (ORDER BY m.seq NULLS LAST, (l.letter).created_at, (l.letter).id) AS place
    FROM letters AS l
    LEFT JOIN messages_out AS m ON (l.letter).job_type = 'message_out' AND m.id = (l.letter).payload ->> 'message_out_id'
    ORDER BY 2),
done AS MATERIALIZED (
    SELECT (p.letter).id, coalesce((p.letter).payload ->> 'message_out_id', (p.letter).payload ->> 'webhook_event_id') AS entity_id,
           p.place, true AS is_done, ops.discard_dead_letter((p.letter).id, $9::text, $8::text) AS words
    FROM placed AS p)
SELECT jsonb_build_object(
    'act', 'discard', 'is_preview', false, 'chosen', (SELECT count(*) FROM chosen),
    'done', (SELECT count(*) FROM done AS x WHERE x.is_done),
    'remaining', greatest((SELECT count(*) FROM meant) - (SELECT count(*) FROM chosen), 0),
    'results', coalesce((
        SELECT jsonb_agg(jsonb_build_object('dead_letter_id', x.id, 'entity_id', x.entity_id, 'is_done', x.is_done, 'words', x.words)
                         ORDER BY x.is_done, x.place)
        FROM (SELECT y.* FROM done AS y ORDER BY y.is_done, y.place LIMIT 100) AS x), '[]'),
    'sql', ops.letters_sql('discard', $1::jsonb, $2, $3, $4, $5, $6, $7, $9::text),
    'command', ops.letters_command('discard', $1::jsonb, $2, $3, $4, $5, $6, $7));
