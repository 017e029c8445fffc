-- backfill.read_times: what a person typed as a time, in UTC unless it says otherwise.
-- $1 since text  $2 until text (NULL: now)  $3 the furthest back, days integer
-- returns  both in ms since 1970, whether the first is before the second, whether it is not too far back, whether the second
--          has come, from when on everything is kept where something has been deleted since
SELECT (extract(epoch FROM t.since) * 1000)::bigint AS since_ms, (extract(epoch FROM t.until) * 1000)::bigint AS until_ms,
       t.since < t.until AS is_ordered, t.since >= greatest(d.kept_from, p.pruned_before) AS is_kept, t.until <= now() AS has_come,
       CASE WHEN p.pruned_before > d.kept_from THEN to_char(p.pruned_before AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') END AS pruned_before
FROM (SELECT $1::text::timestamptz AS since, coalesce($2::text::timestamptz, now()) AS until) AS t
CROSS JOIN (SELECT now() - $3::integer * interval '1 day' AS kept_from) AS d
LEFT JOIN (SELECT r.pruned_before FROM retention_passes AS r WHERE r.table_name = 'webhook_events') AS p ON true;
