-- console.retry: does again what dead letters are about, in their order; of more than asked for the oldest. One JSON object.
-- $1 tenant id text (NULL: any)  $2 code integer (NULL: any)  $3 since text (NULL: ever)  $4 until text (NULL: now)
-- $5 job type text (NULL: any)  $6 the letters' reason text (NULL: any)  $7 ids, also those of their messages, as a JSON array text (NULL: any)
-- $8 how many at most integer  $9 a second double precision (NULL: all at once)  $10 why text (NULL: unsaid)
-- $11 who text
WITH choice AS MATERIALIZED (
    SELECT CASE WHEN $7::text IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text($7::jsonb)) END AS ids,
           jsonb_strip_nulls(jsonb_build_object(
               'tenant', $1::text, 'code', $2::integer, 'since', $3::text::timestamptz, 'until', $4::text::timestamptz, 'job_type', $5::text,
               'letter_reason', $6::text, 'ids', $7::jsonb, 'most', $8::integer, 'per_second', $9::double precision, 'reason', $10::text,
               'everything', CASE WHEN num_nonnulls($1, $2, $3, $4, $5, $6, $7) = 0 THEN true END)) AS given),
meant AS MATERIALIZED (
    SELECT count(*) AS letters
    FROM choice AS c CROSS JOIN LATERAL ops.find_dead_letters($1, $2, $3::timestamptz, $4::timestamptz, true, $5, $6, c.ids, NULL) AS f),
done AS MATERIALIZED (
    SELECT row_number() OVER () AS place, f.dead_letter_id AS id, f.entity_id, f.is_done, f.words
    FROM choice AS c
    CROSS JOIN LATERAL ops.retry_dead_letters(tenant => $1, code => $2, since => $3::timestamptz, until => $4::timestamptz, everything => true,
                                           job_type => $5, letter_reason => $6, ids => c.ids, most => $8, per_second => $9, reason => $10,
                                           by => $11::text) AS f)
SELECT ops.letters_told('retry', false, c.given, m.letters, (
    SELECT jsonb_agg(jsonb_build_object('dead_letter_id', d.id, 'entity_id', d.entity_id, 'is_done', d.is_done, 'words', d.words) ORDER BY d.place)
    FROM done AS d))
FROM choice AS c, meant AS m;
