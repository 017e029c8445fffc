-- backfill.ask: a person wants this time to be filled. The row is theirs from the beginning; should their process end, any
-- other goes on when the lease has ended.
-- $1 since text  $2 until text  $3 who text (NULL: the database's user)  $4 token text  $5 lease in ms bigint
INSERT INTO backfills (asked_by, is_automatic, since, until, due_at, token, step)
VALUES (coalesce($3::text, current_user), false, $1::text::timestamptz, $2::text::timestamptz,
        clock_timestamp() + $5::bigint * interval '1 ms', $4::text, 'messages')
RETURNING id;
