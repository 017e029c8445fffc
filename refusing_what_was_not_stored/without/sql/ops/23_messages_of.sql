-- With the rights of its owner, as ops.trace. Of each direction no more is read than is shown, in the order of an index. Messages of
-- one moment stay on one page, so that the next one, which begins before that moment, leaves none out.
CREATE FUNCTION ops.messages_of(number text, before timestamptz DEFAULT NULL, how_many integer DEFAULT 50)
    RETURNS TABLE (at timestamptz, direction text, tenant_id text, id text, person text, status text, reason text,
                   correlation_id text, provider_message_id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT x.created_at AT TIME ZONE 'UTC', x.direction, x.tenant_id, x.id, ops.masked(x.person), x.status, x.reason, x.correlation_id,
           x.provider_message_id
    FROM (SELECT y.created_at, y.seq, y.direction, y.tenant_id, y.id, y.person, y.status, y.reason, y.correlation_id, y.provider_message_id
          FROM ((SELECT m.created_at, m.seq, 'in' AS direction, m.tenant_id, m.id, m."from" AS person,
                        CASE WHEN m.tenant_id IS NULL AND m.message_type IS NULL THEN 'unrouted' WHEN m.handled_at IS NULL THEN 'stored' ELSE 'handled' END AS status,
                        NULL::text AS reason, m.correlation_id, m.provider_message_id
                 FROM messages_in AS m
                 WHERE m."from" = pgcourier_bare_address($1) AND m.duplicate_of IS NULL
                   AND m.created_at < coalesce($2, 'infinity') AT TIME ZONE 'UTC'
                 ORDER BY m.created_at DESC
                 FETCH FIRST (least(greatest(coalesce($3, 50), 1), 1000)) ROWS WITH TIES)
                UNION ALL
                (SELECT m.created_at, m.seq, 'out', m.tenant_id, m.id, m."to",
                        CASE WHEN m.status = 'sent' THEN coalesce(m.delivery_status, 'sent') ELSE m.status END, ops.masked_text(m.last_error),
                        m.correlation_id, m.provider_message_id
                 FROM messages_out AS m
                 WHERE m."to" = pgcourier_bare_address($1) AND m.created_at < coalesce($2, 'infinity') AT TIME ZONE 'UTC'
                 ORDER BY m.created_at DESC
                 FETCH FIRST (least(greatest(coalesce($3, 50), 1), 1000)) ROWS WITH TIES)) AS y
          ORDER BY y.created_at DESC
          FETCH FIRST (least(greatest(coalesce($3, 50), 1), 1000)) ROWS WITH TIES) AS x
    ORDER BY x.created_at DESC, x.direction, x.seq DESC
    LIMIT 10000
$$;
COMMENT ON FUNCTION ops.messages_of IS 'The messages to and from one person, found by the full number and shown masked, newest first: SELECT * FROM ops.messages_of(''+33612345678''). With before, those before that time. At most 1,000, and what else is of the last one''s moment.';
