-- With the rights of its owner, as ops.trace. Of each direction no more is read than is shown, in the order of an index.
CREATE FUNCTION ops.messages_of(number text, before timestamptz DEFAULT NULL, how_many integer DEFAULT 50)
    RETURNS TABLE (at timestamptz, direction text, tenant_id text, id text, person text, status text, reason text,
                   correlation_id text, provider_message_id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT x.created_at AT TIME ZONE 'UTC', x.direction, x.tenant_id, x.id, ops.masked(x.person), x.status, x.reason, x.correlation_id,
           x.provider_message_id
    FROM ((SELECT m.created_at, m.seq, 'in' AS direction, m.tenant_id, m.id, m."from" AS person,
                  CASE WHEN m.tenant_id IS NULL THEN 'unrouted' WHEN m.handled_at IS NULL THEN 'stored' ELSE 'handled' END AS status,
                  NULL::text AS reason, m.correlation_id, m.provider_message_id
           FROM messages_in AS m
           WHERE m."from" = pgcourier_bare_address($1) AND m.duplicate_of IS NULL
             AND m.created_at < coalesce($2, 'infinity') AT TIME ZONE 'UTC'
           ORDER BY m.created_at DESC, m.seq DESC
           LIMIT least(greatest($3, 1), 1000))
          UNION ALL
          (SELECT m.created_at, m.seq, 'out', m.tenant_id, m.id, m."to",
                  CASE WHEN m.status = 'sent' THEN coalesce(m.delivery_status, 'sent') ELSE m.status END, ops.masked_text(m.last_error),
                  m.correlation_id, m.provider_message_id
           FROM messages_out AS m
           WHERE m."to" = pgcourier_bare_address($1) AND m.created_at < coalesce($2, 'infinity') AT TIME ZONE 'UTC'
           ORDER BY m.created_at DESC, m.seq DESC
           LIMIT least(greatest($3, 1), 1000))) AS x
    ORDER BY x.created_at DESC, x.direction, x.seq DESC
    LIMIT least(greatest($3, 1), 1000)
$$;
COMMENT ON FUNCTION ops.messages_of IS 'The messages to and from one person, found by the full number and shown masked, newest first: SELECT * FROM ops.messages_of(''+33612345678''). With before, those before that time; at most 1,000.';
