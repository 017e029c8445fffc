-- cli.events_latest: the newest events of event_log, oldest first; by event_log_created_at_idx. Those of one shop are looked for
-- among the newest 50,000.
-- $1 limit bigint  $2 since timestamptz as text (NULL: ever)  $3 tenant id text (NULL: all)
-- returns  what is shown, and below which time nothing new will come any more: a transaction may write its events late
SELECT l.at, l.what, l.entity, l.tenant_id, l.detail, l.correlation_id, l.id, l.settled_until
FROM (SELECT x.created_at AT TIME ZONE 'UTC' AS at, x.event_type AS what, concat_ws(' ', x.entity_type, x.entity_id) AS entity,
             x.tenant_id, ops.event_words(x.payload) AS detail, x.correlation_id, x.id,
             now() - interval '30 s' AS settled_until
      FROM (SELECT y.created_at, y.event_type, y.entity_type, y.entity_id, y.tenant_id, y.payload, y.correlation_id, y.id
            FROM event_log AS y
            WHERE $2::text IS NULL OR y.created_at >= $2::text::timestamptz AT TIME ZONE 'UTC'
            ORDER BY y.created_at DESC, y.id DESC
            LIMIT CASE WHEN $3::text IS NULL THEN $1::bigint ELSE 50000 END) AS x
      WHERE $3::text IS NULL OR x.tenant_id = $3::text
      ORDER BY x.created_at DESC, x.id DESC
      LIMIT $1::bigint) AS l
ORDER BY l.at, l.id;
