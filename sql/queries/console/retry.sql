-- console.retry: does again what dead letters are about, in their order; at most 1,000, the oldest first. One JSON object.
-- $1 ids, also those of their messages, as a JSON array text (NULL: by filter)  $2 reason text (NULL: any)  $3 job type text (NULL: any)  $4 tenant id text (NULL: any)
-- $5 code integer (NULL: any)  $6 since text (NULL: ever)  $7 until text (NULL: now)
-- $8 a second double precision (NULL: all at once)  $9 who text  $10 reason text
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
           p.place, r.is_done, r.words
    FROM placed AS p
    CROSS JOIN LATERAL ops.do_again(p.letter, CASE WHEN $8::double precision IS NOT NULL
                                                   THEN clock_timestamp() + (p.place - 1) / $8 * interval '1 s' END,
                                    $10::text, $9::text) AS r)
SELECT jsonb_build_object(
    'act', 'retry', 'is_preview', false, 'chosen', (SELECT count(*) FROM chosen),
    'done', (SELECT count(*) FROM done AS x WHERE x.is_done),
    'remaining', greatest((SELECT count(*) FROM meant) - (SELECT count(*) FROM chosen), 0),
    'results', coalesce((
        SELECT jsonb_agg(jsonb_build_object('dead_letter_id', x.id, 'entity_id', x.entity_id, 'is_done', x.is_done, 'words', x.words)
                         ORDER BY x.is_done, x.place)
        FROM (SELECT y.* FROM done AS y ORDER BY y.is_done, y.place LIMIT 100) AS x), '[]'),
    'sql', ops.letters_sql('retry', $1::jsonb, $2, $3, $4, $5, $6, $7, $10::text),
    'command', ops.letters_command('retry', $1::jsonb, $2, $3, $4, $5, $6, $7));
