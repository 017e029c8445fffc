-- cli.top_flows: what comes in and what goes out: in the minute that runs, in the one before, in the last hour.
-- returns  a row for each flow; and in all of them the running minute's number since 1970, how many seconds of it have passed,
--          and the time
WITH minutes AS MATERIALIZED (
    SELECT t.minute, t.received, t.callbacks, t.duplicates, t.sent, t.delivered, t.failed, t.dead FROM ops.throughput AS t),
running AS (SELECT date_trunc('minute', now() AT TIME ZONE 'UTC') AS minute)
SELECT f.flow,
       coalesce(sum(f.number) FILTER (WHERE m.minute = r.minute), 0)::bigint AS this_minute,
       coalesce(sum(f.number) FILTER (WHERE m.minute = r.minute - interval '1 min'), 0)::bigint AS last_minute,
       sum(f.number)::bigint AS last_hour,
       (extract(epoch FROM r.minute) / 60)::bigint AS minute,
       extract(epoch FROM (now() AT TIME ZONE 'UTC') - r.minute)::double precision AS seconds,
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS at
FROM running AS r, minutes AS m
CROSS JOIN LATERAL (VALUES (1, 'in: messages', m.received), (2, 'in: callbacks', m.callbacks), (3, 'in: duplicates', m.duplicates),
                           (4, 'out: sent', m.sent), (5, 'out: delivered', m.delivered), (6, 'out: failed', m.failed),
                           (7, 'out: dead', m.dead)) AS f (place, flow, number)
GROUP BY f.place, f.flow, r.minute
ORDER BY f.place;
