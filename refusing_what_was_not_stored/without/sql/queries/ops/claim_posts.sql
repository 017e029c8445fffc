-- ops.claim_posts: takes some alerts that are to be posted, of one figure the oldest only, so that its end never comes before
-- its beginning. One that is not deleted is anybody's again after 2, 4, 8, then 16 minutes, until it is an hour old, and at once when
-- more than that is left, since the database's clock went back. The table is nearly always empty.
-- returns  id, figure, whether it is an alert now, its value (NULL: there is no such figure any more), what to do, correlation
--          id, for how many seconds it had been one, how many seconds ago that was
WITH next AS MATERIALIZED (
    SELECT p.id FROM alert_posts AS p
    WHERE (p.leased_until <= clock_timestamp()
           OR p.leased_until > clock_timestamp() + least(2 ^ (p.posts - 1), 8) * interval '2 min' + interval '2 s')
      AND p.turned_at > clock_timestamp() - interval '1 h'
      AND NOT EXISTS (SELECT FROM alert_posts AS q WHERE q.figure = p.figure AND q.id < p.id)
    ORDER BY p.id
    LIMIT 5
    FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE alert_posts AS p
    SET posts = p.posts + 1, leased_until = clock_timestamp() + least(2 ^ p.posts, 8) * interval '2 min'
    FROM next AS n WHERE p.id = n.id
    RETURNING p.id, p.figure, p.is_alert, p.value, p.advice, p.correlation_id, p.seconds, p.turned_at)
SELECT t.id, t.figure, t.is_alert, t.value, t.advice, t.correlation_id, t.seconds,
       extract(epoch FROM clock_timestamp() - t.turned_at)::bigint AS seconds_ago
FROM taken AS t
ORDER BY t.id;
