-- maintenance.erasure_ask: from now on this person is being erased, by whoever runs. Asked once more, it begins once more.
-- $1 address text  $2 who text (NULL: the database user)  $3 reason text (NULL: none)
-- returns  the erasure's id
WITH again AS (
    UPDATE erasures AS e
    SET asked_at = clock_timestamp(), through_seq = coalesce((SELECT max(m.seq) FROM messages_out AS m), 0),
        asked_by = coalesce($2::text, session_user), reason = coalesce($3::text, e.reason), step = 'find', page = 0, changed = 0,
        busy = 0, refusal = NULL, told_at = NULL, round_at = clock_timestamp(), due_at = clock_timestamp() + interval '1 s'
    WHERE e.addresses[1] = $1::text
    RETURNING e.id),
fresh AS (
    INSERT INTO erasures (addresses, asked_by, reason, through_seq, step, due_at)
    SELECT ARRAY[$1], coalesce($2, session_user), $3, coalesce((SELECT max(m.seq) FROM messages_out AS m), 0), 'find',
           clock_timestamp() + interval '1 s'
    WHERE NOT EXISTS (SELECT FROM again)
    RETURNING id)
SELECT a.id FROM again AS a UNION ALL SELECT f.id FROM fresh AS f;
